"""Measurements of the service on this machine: `make bench`, or `python -m bench --help`."""
