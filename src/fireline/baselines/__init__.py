"""New baselines: proposed from calm days, decided by a person, kept so that one can go back."""
