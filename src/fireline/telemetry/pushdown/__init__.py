"""The tally as SQL: the same counts, made by an engine where the events lie."""
