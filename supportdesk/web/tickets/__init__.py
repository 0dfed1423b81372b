"""The page of a ticket: reading it, and everything that people do there."""

from supportdesk.web.tickets.blueprint import tickets

__all__ = ["tickets"]
