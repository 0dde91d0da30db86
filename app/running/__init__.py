"""What runs beside the window's thread: jobs, background calls, supervision."""
