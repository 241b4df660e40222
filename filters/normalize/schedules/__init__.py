"""IATA schedules: chapter 7 files, and the ASM and SSM messages that change them."""
