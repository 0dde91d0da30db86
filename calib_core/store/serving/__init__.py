"""A store that answers as the facility's database does, so that programs which ask that can ask it."""
