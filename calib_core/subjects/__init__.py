"""What can be looked at: running jobs, constants on disk, pairs of both."""
