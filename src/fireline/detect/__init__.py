"""Counts in, findings out: one judge for every monitor."""
