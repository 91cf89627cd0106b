"""Events in, counts out."""
