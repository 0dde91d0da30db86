"""Characterisations that are nothing like darks, each one file: what a new one takes."""
