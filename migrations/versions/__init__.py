"""The migrations, by date."""
