"""Drills and the simulation: the loop played against faults, on a clock of its own."""
