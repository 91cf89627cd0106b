"""Monitor kinds, one file each. A new file here is a new kind; the contract suite runs on every one."""
