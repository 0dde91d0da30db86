"""Correction steps: one file each."""
