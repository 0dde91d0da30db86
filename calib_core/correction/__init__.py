"""Correction steps: one file each; pure functions of their inputs."""
