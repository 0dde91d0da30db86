"""Panels: one operator task each, a view and its presenter."""
