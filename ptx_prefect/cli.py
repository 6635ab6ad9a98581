"""The `ptx` command: a thin skin over the same functions."""
