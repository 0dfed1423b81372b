"""Real servers that the suite starts for itself and stops again."""
