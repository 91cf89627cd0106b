"""Faces that draw: the report a person can send, and the story in the terminal."""
