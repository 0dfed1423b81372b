"""Background work: the table of what runs when, and the worker that does it."""
