"""Vendors' status JSON: Cirium (FlightStats) and OAG."""
