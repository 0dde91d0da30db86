"""The facility's database as a store that is only read, asked through EXtra's client."""
