"""Backup, restore and doctor, as an operator uses them."""
