"""Email: the door (LMTP/SMTP), the polled mailbox (IMAP), the parser and the sender (SMTP)."""
