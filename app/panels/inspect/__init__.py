"""Panels that look closer at what the maps show."""
