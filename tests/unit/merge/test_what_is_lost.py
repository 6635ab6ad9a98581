"""Code that one side removed and the other edited, and edits that are not put together though they could be."""

from __future__ import annotations

import pytest

from ptx_prefect.merge import FileMerge, merge_file

STOCK = b"""\
class Stock:
    def count(self, rows):
        total = 0
        for row in rows.values():
            self.log.debug("row %s", row)
            total += row.amount
        return total

    def show(self, rows):
        for row in rows.values():
            self.log.debug("showing %s", row)
            print(row.name, row.amount)

    def close(self):
        self.log.debug("closed")
"""
COUNT = STOCK[STOCK.index(b"    def count") : STOCK.index(b"    def show")]
WITHOUT = STOCK.replace(COUNT, b"")


def merged(base: bytes, ours: bytes, theirs: bytes) -> FileMerge:
    """The merge of two sides, which has to be the same with the sides swapped."""
    result, swapped = (merge_file(base, sides, path="stock.py") for sides in ((ours, theirs), (theirs, ours)))
    assert result.is_clean == swapped.is_clean
    assert not result.is_clean or result.content == swapped.content
    return result


@pytest.mark.parametrize(
    ("edited", "expected"),
    [
        pytest.param(
            STOCK.replace(b"log.debug", b"log.info"), WITHOUT.replace(b"log.debug", b"log.info"), id="renamed"
        ),
        pytest.param(STOCK.replace(b"total = 0\n", b"total = 0  # items\n"), WITHOUT, id="comment"),
        pytest.param(STOCK.replace(b'            self.log.debug("row %s", row)\n', b""), WITHOUT, id="removed-in-part"),
    ],
)
def test_an_edit_of_removed_code_that_is_not_lost_with_it_stops_nobody(edited: bytes, expected: bytes) -> None:
    """A name changed throughout, a comment, a part taken away: nothing of it is missing without the function."""
    assert merged(STOCK, WITHOUT, edited).content == expected


def test_what_the_other_put_in_may_stand_in_the_new_code_of_the_remover() -> None:
    edited = STOCK.replace(b"row.amount\n        return", b"row.amount * row.factor\n        return")
    ours = WITHOUT.replace(b"row.name, row.amount)", b"row.name, row.amount * row.factor)")

    assert merged(STOCK, ours, edited).content == ours


@pytest.mark.parametrize(
    "edited",
    [
        STOCK.replace(b"total = 0", b"total = self.start"),
        STOCK.replace(b"total += row.amount\n", b"total += row.amount\n            self.seen.add(row)\n"),
        STOCK.replace(b'debug("row %s", row)', b'info("row %s", row)'),
    ],
)
def test_an_edit_that_would_be_lost_with_removed_code_is_a_conflict(edited: bytes) -> None:
    assert merged(STOCK, WITHOUT, edited).conflicts


def test_code_that_moved_was_not_removed() -> None:
    """The name is changed throughout, but the moved copy still has the old one."""
    ours = WITHOUT + b"\n" + COUNT.rstrip(b"\n") + b"\n"

    assert merged(STOCK, ours, STOCK.replace(b"log.debug", b"log.info")).conflicts


IMPORTS = b"import csv\nimport json\nimport os\nimport re\nimport sys\nimport time\n\nprint(csv, time)\n"
ADDED = IMPORTS.replace(b"import os\n", b"import math\nimport os\n") + b"\n\nprint(math)\n"


def test_an_import_removed_and_one_added_go_together() -> None:
    ours = IMPORTS.replace(b"import os\n", b"")

    assert merged(IMPORTS, ours, ADDED).content == ADDED.replace(b"import os\n", b"")


def test_many_imports_gone_at_once_are_looked_at_by_a_person() -> None:
    """A side that tidied up the whole block mostly stands for a rewrite of the module."""
    ours = IMPORTS.replace(b"import json\nimport os\nimport re\nimport sys\n", b"")

    assert merged(IMPORTS, ours, ADDED).conflicts


def test_a_side_that_removed_most_of_a_few_imports_is_looked_at_by_a_person() -> None:
    base = b"import os\nimport sys\n\nprint(sys)\n"

    assert merged(
        base, base.replace(b"import os\n", b""), base.replace(b"import os\n", b"import os\nimport re\n")
    ).conflicts


def test_imports_inside_a_function_are_not_merged_as_sets() -> None:
    base = b"def load(path):\n    import json\n\n    return json.load(open(path))\n"
    ours = base.replace(b"    import json\n", b"    import csv, json\n")
    theirs = base.replace(b"    import json\n", b"    import json\n    import re\n")

    assert merged(base, ours, theirs).conflicts


def test_touching_lines_are_not_put_together_when_one_side_brings_in_what_the_other_takes_away() -> None:
    base = b"NAMES = [\n    'first',\n    'second',\n]\nSTEPS = 'third'\n"
    ours = base.replace(b"    'first',\n", b"    'primary',\n")
    theirs = base.replace(b"    'second',\n", b"    second_of(rows),\n")

    assert merged(base, ours, theirs).is_clean
    assert merged(
        base.replace(b"STEPS", b"rows"), ours.replace(b"STEPS", b"lines"), theirs.replace(b"STEPS", b"rows")
    ).conflicts
