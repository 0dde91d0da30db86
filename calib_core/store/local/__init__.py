"""Our own store: an index in SQLite, and constants in the facility's tree of HDF5 files beside it."""
