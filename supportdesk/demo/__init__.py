"""The demo: a fictitious region with its people and two weeks of requests, and mails to send."""

from supportdesk.demo.load import PASSWORD, demo_log_ins, is_empty, load_demo
from supportdesk.demo.mails import AUTHSERV_ID

__all__ = ["AUTHSERV_ID", "PASSWORD", "demo_log_ins", "is_empty", "load_demo"]
