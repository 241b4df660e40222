"""`python -m pipeline.cli` is `flightwire`."""

from pipeline.cli import main

main(prog_name="flightwire")
