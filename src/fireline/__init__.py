"""Fireline: smoke alarms, a playbook that acts, and fire drills, for machine-learning services."""

__version__ = "0.1.0"
