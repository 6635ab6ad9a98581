"""The JSON task."""
