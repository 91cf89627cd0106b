"""The HTTP interface under /v1, for programs and for the command line."""
