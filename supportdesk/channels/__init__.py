"""The outside world, one folder a channel: bytes become values and values become bytes.

Channels do not know each other, do not touch the database and do not import actions.
"""
