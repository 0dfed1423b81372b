"""supportdesk: the customer centre for key-account customers.

Routing decides with values. Actions change the database. Channels and web only translate.
Start reading at `supportdesk/routing/rules.py`.
"""

__version__ = "0.1.0"
