"""The fault campaign: the whole service as real processes, everything of it broken at random.

`make faults` runs it long, on both databases; a short one is part of `make test`. Everything that
is drawn comes from one seed, which is printed, so a run can be asked for again.
"""
