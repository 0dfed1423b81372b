"""Reading people from files: bytes to rows, rows to records, records to changes."""
