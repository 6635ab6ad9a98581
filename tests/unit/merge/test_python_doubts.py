"""Edits that are not put together though they could be: people mostly want something else."""

from __future__ import annotations

from tests.unit.merge.sides import merged_both_ways

IMPORTS = b"import csv\nimport json\nimport os\nimport re\nimport sys\nimport time\n\nprint(csv, time)\n"
ADDED = IMPORTS.replace(b"import os\n", b"import math\nimport os\n") + b"\n\nprint(math)\n"


def test_an_import_removed_and_one_added_go_together() -> None:
    ours = IMPORTS.replace(b"import os\n", b"")

    assert merged_both_ways(IMPORTS, ours, ADDED).content == ADDED.replace(b"import os\n", b"")


def test_many_imports_gone_at_once_are_looked_at_by_a_person() -> None:
    """A side that tidied up the whole block mostly stands for a rewrite of the module."""
    ours = IMPORTS.replace(b"import json\nimport os\nimport re\nimport sys\n", b"")

    assert merged_both_ways(IMPORTS, ours, ADDED).conflicts


def test_imports_inside_a_function_are_not_merged_as_sets() -> None:
    base = b"def load(path):\n    import json\n\n    return json.load(open(path))\n"
    ours = base.replace(b"    import json\n", b"    import csv, json\n")
    theirs = base.replace(b"    import json\n", b"    import json\n    import re\n")

    assert merged_both_ways(base, ours, theirs).conflicts


def test_touching_lines_are_not_put_together_when_one_side_brings_in_what_the_other_takes_away() -> None:
    base = b"NAMES = [\n    'first',\n    'second',\n]\nSTEPS = 'third'\n"
    ours = base.replace(b"    'first',\n", b"    'primary',\n")
    theirs = base.replace(b"    'second',\n", b"    second_of(rows),\n")

    assert merged_both_ways(base, ours, theirs).is_clean
    assert merged_both_ways(
        base.replace(b"STEPS", b"rows"), ours.replace(b"STEPS", b"lines"), theirs.replace(b"STEPS", b"rows")
    ).conflicts
