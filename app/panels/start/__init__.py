"""Panels that open runs, choose a job and follow it."""
