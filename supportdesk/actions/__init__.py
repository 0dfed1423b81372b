"""What can be done, one file per verb: the only layer that opens and commits transactions."""
