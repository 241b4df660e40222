"""Airport boards: one module per airport's feed, each telling one end of a leg.

An arrival names where the aircraft comes from and the arrival's times at this airport; a departure
names where it goes and the departure's times. Of a flight with stops the leg is the one that
touches this airport: a departure goes to its first stop, an arrival comes from its last.
"""
