"""Telephone: numbers as they are stored and compared."""
