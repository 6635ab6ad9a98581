"""The specification's output JSON."""
