"""From a kept receipt to a routed ticket.

`route_mail` is the action. It gathers a `Scene` (what the database knows), lets `filing` decide
with values what becomes of each arrival, and has `write` put a whole batch down at once.
"""
