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


CODE = b"""import os


def first(rows):
    total = 0
    for row in rows:
        total += row
    return total


def second(rows, key):
    found = [ row for row in rows ]
    return key( found )


def third(rows):
    text = "".join( rows )
    return text.strip()
"""


def test_an_import_removed_where_both_sides_rewrote_other_lines_is_a_conflict_with_a_proposal() -> None:
    base = b"import csv\nimport json\nimport re\n\nA = csv\nB = json\nC = re\n\n\nD = 1\nE = 2\nF = 3\n"
    ours = base.replace(b"import csv\n", b"import math\n").replace(b"A = csv\nB = json\n", b"A = math\nB = json.a\n")
    theirs = base.replace(b"import json\n", b"import decimal\nimport json\n").replace(
        b"D = 1\nE = 2\nF = 3", b"D = 4\nE = decimal\nF = 5"
    )

    (conflict,) = merged_both_ways(base, ours, theirs).conflicts

    assert conflict.proposal == "import decimal\nimport math\n"
    assert "proposed, not taken" in conflict.reason


def test_one_side_leaves_the_old_python_and_the_other_does_not() -> None:
    base = b"from __future__ import division\nimport os\n\nprint(os)\n"
    ours = base.replace(b"from __future__ import division\n", b"")
    theirs = base.replace(b"import division\n", b"import division, print_function\n")

    assert merged_both_ways(base, ours, theirs).conflicts


def test_a_formatter_over_a_whole_file_goes_together_with_edits() -> None:
    formatted = CODE.replace(b"[ row for row in rows ]", b"[row for row in rows]").replace(b"( rows )", b"(rows)")
    formatted = formatted.replace(b"( found )", b"(found)")
    edited = CODE.replace(b"[ row for row in rows ]", b"[ row for row in rows if row ]").replace(
        b'"".join', b'" ".join'
    )

    merged = merged_both_ways(CODE, formatted, edited)

    assert merged.is_clean
    assert b"[ row for row in rows if row ]" in merged.content


def test_layout_at_several_places_of_an_edited_file_is_looked_at_by_a_person() -> None:
    ours = CODE.replace(b"[ row for row in rows ]", b"[row for row in rows]").replace(b"( rows )", b"(rows)")
    ours = ours.replace(b"total = 0", b"total = 1")
    theirs = CODE.replace(b"[ row for row in rows ]", b"[ row for row in rows if row ]").replace(
        b'"".join', b'" ".join'
    )

    merged = merged_both_ways(CODE, ours, theirs)

    assert [conflict.proposal for conflict in merged.conflicts] == [
        "    found = [ row for row in rows if row ]\n",
        '    text = " ".join( rows )\n',
    ]


def test_lines_moved_in_by_one_side_and_edited_by_the_other_are_a_proposal_only() -> None:
    ours = CODE.replace(
        b"    found = [ row for row in rows ]\n", b"    if key:\n        found = [ row for row in rows ]\n"
    )
    theirs = CODE.replace(b"[ row for row in rows ]", b"[ row for row in rows if row ]")

    assert merged_both_ways(CODE, ours, theirs).conflicts


def test_the_fuller_side_is_taken_only_where_it_did_clearly_more() -> None:
    found = b"    found = [ row for row in rows ]\n"
    less = CODE.replace(found, b"    found = list(rows)\n").replace(b"total = 0", b"total = 10")
    more = CODE.replace(found, b"    found = list(rows)\n    print(found)\n")
    much = more.replace(
        b"    return text.strip()\n", b"    text = text.strip()\n    print(text)\n    return text, rows\n"
    )

    assert merged_both_ways(CODE, less, more).conflicts
    assert merged_both_ways(CODE, less, much).is_clean


def test_an_insertion_is_contained_in_another_only_as_a_block() -> None:
    anchor = b"    return key( found )\n"
    less = CODE.replace(anchor, b"    found.sort()\n    found.reverse()\n" + anchor).replace(
        b"import os", b"import os, re"
    )
    scattered = CODE.replace(anchor, b"    found.sort()\n    print(found)\n    found.reverse()\n" + anchor)

    assert merged_both_ways(CODE, less, scattered).conflicts
