"""Raw runs with known truth, made through each descriptor's ``encode``."""
