"""Widgets that know arrays, not detectors."""
