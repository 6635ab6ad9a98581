"""Does the merged tree hold together."""
