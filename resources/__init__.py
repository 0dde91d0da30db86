"""Icons, colour maps, help texts, and defaults with their sources."""
