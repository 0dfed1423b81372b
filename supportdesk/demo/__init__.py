"""The demo: a fictitious region with its people and two weeks of requests, and mails to send."""

from supportdesk.demo.load import PASSWORD, demo_log_ins, is_empty, load_demo

__all__ = ["PASSWORD", "demo_log_ins", "is_empty", "load_demo"]
