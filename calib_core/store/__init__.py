"""Constants on disk."""
