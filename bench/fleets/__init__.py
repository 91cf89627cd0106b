"""What the bench of a fleet is made of."""
