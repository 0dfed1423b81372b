"""The pages: what they show, to whom, and how they are protected."""
