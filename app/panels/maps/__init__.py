"""The maps, what they show and where one looks."""
