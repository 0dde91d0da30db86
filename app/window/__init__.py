"""The window: its panels in docks, actions, looks."""
