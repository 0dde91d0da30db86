"""Constants over time: which versions there are, lines of modules, and what has changed in them."""
