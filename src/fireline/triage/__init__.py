"""Triage: findings and raw events in, one assessed incident out. Pure functions over numpy arrays."""
