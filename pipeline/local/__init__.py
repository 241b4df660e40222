"""The local run: the template deployed into an embedded AWS endpoint, its mappings played here."""
