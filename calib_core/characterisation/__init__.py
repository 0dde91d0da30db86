"""Characterisation methods: one file each, and the driver, the only loop over chunks of raw data."""
