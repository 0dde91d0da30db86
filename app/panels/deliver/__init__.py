"""Panels that hand results on."""
