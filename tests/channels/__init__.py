"""The outside world, one folder a channel."""
