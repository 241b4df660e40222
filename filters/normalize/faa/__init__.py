"""FAA SWIM feeds: TFMData flight data and SFDPS flight messages."""
