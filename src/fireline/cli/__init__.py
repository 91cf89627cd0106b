"""The command line: one file a command, and nothing in it that a library could not do."""
