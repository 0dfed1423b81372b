"""The pure core: who gets a request and who may ask for what.

No I/O, no clock, no database here: frozen facts in, a decision with its trace out.
"""
