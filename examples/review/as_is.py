UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def parse_duration(text):
    total = 0
    number = ""
    seen = False
    for char in text.strip().lower():
        if char.isdigit() or char == ".":
            number = number + char
        else:
            if char == " ":
                if number != "":
                    raise ValueError("bad")
            else:
                if char in UNITS:
                    if number == "":
                        raise ValueError("bad")
                    else:
                        try:
                            total = total + float(number) * UNITS[char]
                        except Exception:
                            raise ValueError("bad")
                        number = ""
                        seen = True
                else:
                    raise ValueError("bad")
    if number != "":
        if seen:
            raise ValueError("bad")
        else:
            try:
                total = float(number)
            except Exception:
                raise ValueError("bad")
    else:
        if not seen:
            raise ValueError("bad")
    return total
