"""The vocabulary: frozen values of the standard library, one concept a file."""
