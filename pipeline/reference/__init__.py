"""Reference tables that a user brings: where they are kept, who uses them, what is doubtful."""
