"""Durations as people write them: ``90``, ``1h30m``, ``1.5 h``."""

import re

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)([smhd])\s*", re.IGNORECASE)
BARE = re.compile(r"(\d+(?:\.\d*)?|\.\d+)")


def parse_duration(text):
    """Seconds in a duration; a bare number counts as seconds.

    Raises:
        ValueError: the text is no duration.
    """
    text = text.strip()
    if BARE.fullmatch(text):
        return float(text)
    parts = PART.findall(text)
    if not parts or PART.sub("", text):
        raise ValueError(f"{text!r} is no duration; write it like 90, 45s or 1h30m")
    return sum(float(number) * UNITS[unit.lower()] for number, unit in parts)
