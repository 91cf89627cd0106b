"""What the team agreed, as one frozen value: the schema, reading, checking, drafting and showing it."""
