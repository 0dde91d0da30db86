"""Jobs: specification, survey of the input, plan of work units, and the job that runs them."""
