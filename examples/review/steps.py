"""Durations as people write them."""

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def parse_duration(text):
    """Seconds in a duration."""
    rest = text.strip().lower()
    if not rest:
        raise ValueError("an empty text is no duration")
    total = 0.0
    has_unit = False
    while rest:
        number, rest = split_number(rest, text)
        if not rest and not has_unit:
            return number
        if not rest or rest[0] not in UNITS:
            raise ValueError(f"{text!r} has a number without a unit")
        total += number * UNITS[rest[0]]
        has_unit = True
        rest = rest[1:].lstrip()
    return total


def split_number(rest, text):
    length = 0
    while length < len(rest) and (rest[length].isdigit() or rest[length] == "."):
        length += 1
    try:
        return float(rest[:length]), rest[length:]
    except ValueError:
        raise ValueError(f"{text!r} has no number before {rest[length:]!r}") from None
