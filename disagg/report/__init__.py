"""What an answer looks like: one structure for the terminal, for HTML and for plots."""
