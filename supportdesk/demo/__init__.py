"""The demo: a fictitious region with its people and two weeks of requests, and mails to send.

Everybody in it is invented. Domains end in .example (RFC 2606). There is no Czech range of
telephone numbers for fiction, so numbers lie in 470 000 xxx and 790 000 xxx, the lowest block of a
geographic and of a mobile code, and nothing ever calls them.
"""

from supportdesk.demo.load import PASSWORD, demo_log_ins, is_empty, load_demo
from supportdesk.demo.mails import AUTHSERV_ID

__all__ = ["AUTHSERV_ID", "PASSWORD", "demo_log_ins", "is_empty", "load_demo"]
