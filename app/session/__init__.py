"""The state that panels share, and what of it is kept."""
