"""The same job as each contender does it: PSI of every feature against a frozen reference."""
