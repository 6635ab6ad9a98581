"""What the rules for clashing lines of Python do, each on code as people write it."""

from __future__ import annotations

import pytest

from ptx_prefect.merge import merge_file
from ptx_prefect.merge.python.nesting import moved_along, nesting
from ptx_prefect.merge.python.tokens import plain_words
from tests.unit.merge.sides import merged_both_ways

RETRY = b"""\
def fetch(url, session):
    response = session.get(url)
    return response.json()


def close(session):
    session.close()
"""


def test_a_side_that_has_the_others_edit_and_more_stands() -> None:
    """A fix that was ported to the branch, and that its first author then took further."""
    fix = RETRY.replace(b"session.get(url)\n", b"session.get(url)\n    response.raise_for_status()\n")
    more = RETRY.replace(
        b"session.get(url)\n    return response.json()",
        b"session.get(url, timeout=30)\n    response.raise_for_status()\n    return decode(response)",
    )

    assert merged_both_ways(RETRY, fix, more).content == more


def test_the_same_words_changed_by_both_are_one_edit() -> None:
    """One side corrects a name, the other corrects it too and drops a prefix from the string beside it."""
    base = (
        b"def stem(word):\n    if word[-1] in u'yY' and word[-2] not in VOWELZ:\n        return word\n    return None\n"
    )
    corrected = base.replace(b"VOWELZ", b"VOWELS")
    more = corrected.replace(b"u'yY'", b"'yY'")

    assert merged_both_ways(base, corrected, more).content == more


def test_an_edit_that_only_one_side_has_is_not_dropped() -> None:
    ours = RETRY.replace(b"session.get(url)", b"session.get(url, timeout=30)")
    theirs = RETRY.replace(b"session.get(url)", b"session.get(url, timeout=5)")

    assert merged_both_ways(RETRY, ours, theirs).conflicts


def test_a_side_that_also_moves_lines_out_of_a_block_is_not_contained_in_one_that_does_not() -> None:
    base = b"def check(rows):\n    for row in rows:\n        verify(row)\n        report(rows)\n    return rows\n"
    less = base.replace(b"        report(rows)\n", b"        count(row)\n    report(rows)\n")
    more = base.replace(b"verify(row)\n", b"verify(row, strict=True)\n        count(row)\n")

    assert merged_both_ways(base, less, more).conflicts


def test_quotes_commas_and_wrapping_are_layout() -> None:
    base = b"LOGGERS = configure('root', level='INFO', handlers=['console'])\n"
    formatted = b'LOGGERS = configure(\n    "root",\n    level="INFO",\n    handlers=["console"],\n)\n'
    edited = base.replace(b"'INFO'", b"'DEBUG'")

    assert merged_both_ways(base, formatted, edited).content == edited


def test_a_comma_that_makes_a_tuple_is_no_layout() -> None:
    base = b"PERMISSIONS = ('view')\nNAME = 'shop'\n"

    assert merged_both_ways(base, b"PERMISSIONS = ('view',)\nNAME = 'shop'\n", base.replace(b"view", b"edit")).conflicts


def test_a_line_that_one_side_moves_out_of_its_block_is_edited_where_it_went() -> None:
    base = b"def check(rows):\n    for row in rows:\n        verify(row)\n        report(rows)\n"
    outdented = base.replace(b"        report", b"    report")
    edited = base.replace(b"report(rows)", b"report(rows, verbose=True)")

    assert merged_both_ways(base, outdented, edited).content == edited.replace(b"        report", b"    report")


def test_what_both_sides_added_to_one_definition_does_not_stand_there_twice() -> None:
    base = b"class Site:\n    def setup(self):\n        self.a = 1\n        self.b = 2\n        self.root = Root()\n"
    ours = base.replace(b"self.a = 1\n", b"self.a = 1\n        self.put('png', Png())\n")
    theirs = base.replace(
        b"        self.root = Root()\n", b"        self.put('png', Png())\n\n        self.root = Root(gzip=True)\n"
    )
    touching = ours.replace(
        b"        self.root = Root()\n", b"        # the root comes last\n        self.root = Root()\n"
    )

    assert merged_both_ways(base, touching, theirs).conflicts


@pytest.mark.parametrize(
    ("first", "second", "is_same"),
    [
        ("f('a')\n", 'f(\n    "a",\n)\n', True),
        ("x = (a, b)", "x = (a, b,)", True),
        ("x = [\n  1,\n]", "x = [1]", True),
        ("x = ('a')", "x = ('a',)", False),
        ("return (a,)", "return (a)", False),
        ("a[1,]", "a[1]", False),
        ("from x import (a,)", "from x import (a)", True),
        ("x = 'it\\'s'", 'x = "it\'s"', False),
    ],
)
def test_words_as_a_formatter_leaves_them(first: str, second: str, is_same: bool) -> None:
    assert (plain_words(first) == plain_words(second)) is is_same


def test_an_edit_goes_along_when_the_other_side_moves_its_block() -> None:
    base = ["        send(mail)\n", "        log(mail)\n"]
    moved = [f"    {line}" for line in base]
    edited = [base[0], "        log(mail, level=1)\n"]

    assert moved_along(base, moved, edited) == (moved[0], "            log(mail, level=1)\n")
    assert moved_along(base, [base[0], moved[1]], edited) is None
    assert moved_along(base, [line[4:] for line in base], moved) is None


def test_nesting_counts_steps_not_columns() -> None:
    assert nesting(["if a:\n", "  b(\n", "1)\n", "c()\n"]) == nesting(["if a:\n", "    b(1)\n", "c()\n"]) == (0, 1, 0)


IMPORTS = b"""\
import os, sys
from pkg.models import Page, \\
    Site


def run():
    return os, sys


def models():
    return Page, Site
"""


def test_several_imports_in_one_statement_stay_in_one() -> None:
    """Not only for looks: a file that this Python cannot parse is compared as text by everybody."""
    ours = IMPORTS.replace(b"import os, sys\n", b"import os, re, sys\n").replace(b"return os", b"return re, os")
    theirs = IMPORTS.replace(b"import os, sys\n", b"import json\nimport os, sys\n").replace(
        b"return Page", b"return json, Page"
    )

    assert merged_both_ways(IMPORTS, ours, theirs).content.startswith(b"import json\nimport os, re, sys\nfrom")


def test_backslashes_and_comments_of_import_statements_are_kept() -> None:
    ours = IMPORTS.replace(b"    Site\n\n", b"    Site, User\n\n").replace(b"return Page", b"return User, Page")
    theirs = IMPORTS.replace(b"    Site\n\n", b"    Site, Role\n\n").replace(b"return os", b"return Role, os")
    noted = b"from pkg import (  # noqa: F401\n    a,\n    c,\n)\n"

    assert b"from pkg.models import Page, " in merged_both_ways(IMPORTS, ours, theirs).content
    assert b"(" not in merged_both_ways(IMPORTS, ours, theirs).content.split(b"def")[0]
    both = merged_both_ways(
        noted, noted.replace(b"    c,\n", b"    b,\n    c,\n"), noted.replace(b"    c,\n", b"    c,\n    d,\n")
    )
    assert both.content == b"from pkg import (  # noqa: F401\n    a,\n    b,\n    c,\n    d,\n)\n"


def test_one_import_replaced_in_two_ways_is_a_conflict() -> None:
    base = b"from testlib import *\n\n\ndef run():\n    return check()\n"

    ours, theirs = (base.replace(b"testlib", name) for name in (b"pkg.testing", b"pkg.checks"))
    assert merged_both_ways(base, ours, theirs).conflicts


def test_functions_under_the_same_decorator_are_not_one_said_twice() -> None:
    """Both sides import what they need and add a fixture of their own, each in its own place."""
    base = b"import pytest\n\n\ndef test_close(session):\n    session.close()\n\n\n# data\n\nROWS = 3\n"
    ours = base.replace(b"import pytest", b"import json\n\nimport pytest").replace(
        b"# data\n", b"# data\n\n\n@pytest.fixture(autouse=True)\ndef rows():\n    return json.loads('[]')\n\n"
    )
    theirs = base.replace(b"import pytest", b"import json\nimport os\n\nimport pytest").replace(
        b"def test_close", b"@pytest.fixture(autouse=True)\ndef home():\n    return os, json\n\n\ndef test_close"
    )

    result = merged_both_ways(base, ours, theirs)

    assert result.is_clean
    assert result.content.count(b"@pytest.fixture(autouse=True)") == 2


@pytest.mark.parametrize(
    ("base", "ours", "theirs", "wanted"),
    [
        ('__version__ = "2.12.10"\n', '__version__ = "2.13.0.dev1"\n', '__version__ = "2.12.11"\n', "2.13.0.dev1"),
        ('__version__ = "4.1.0rc1"\n', '__version__ = "4.2.0.dev1"\n', "__version__ = '4.1.0'\n", "4.2.0.dev1"),
        ("VERSION = (3, 1, 0)\n", "VERSION = (3, 2, 0)\n", "VERSION = (3, 1, 1)\n", "(3, 2, 0)"),
        ("version = '1.0'\nrelease = '1.0.0'\n", "version = '1.1'\nrelease = '1.1.0'\n", None, "1.1.0"),
    ],
)
def test_the_higher_release_number_stands(base: str, ours: str, theirs: str | None, wanted: str) -> None:
    theirs = theirs or base.replace("1.0.0", "1.0.1").replace("'1.0'", "'1.0.1'")

    result = merged_both_ways(base.encode(), ours.encode(), theirs.encode())
    assert result.is_clean
    assert wanted in result.content.decode()


@pytest.mark.parametrize(
    ("base", "ours", "theirs"),
    [
        ('__version__ = "2.12"\n', '__version__ = "2.13"\n', '__version__ = "2.11"\n'),
        ("timeout = 10\n", "timeout = 20\n", "timeout = 30\n"),
        ('version = "1.0"\n', 'version = "1.1"\n', 'version = read("VERSION")\n'),
        ('version = "1.0"\n', 'version = "1.1"\n', 'version: str = "1.2"\n'),
        ('__version__ = "4.1.0rc1"\n', '__version__ = "4.1.0rc2"\n', "__version__ = '4.1.0'\n"),
        ('__version__ = "4.1.0"\n', '__version__ = "4.2.0.dev1"\n', "__version__ = '4.3.0'\n"),
        ('__version__ = "beta"\n', '__version__ = "gamma"\n', '__version__ = "delta"\n'),
        ('version = "1.0"\nrelease = "1"\n', 'version = "1.1"\nrelease = "2"\n', 'version = "1.2"\nrelease = "1.5"\n'),
    ],
)
def test_a_number_that_is_no_raised_release_is_left_to_people(base: str, ours: str, theirs: str) -> None:
    assert merged_both_ways(base.encode(), ours.encode(), theirs.encode()).conflicts


CALL = b"""\
def report(rows, stream):
    stream.write(render(rows, title="Orders of the day", columns=("number", "customer", "amount", "due"),
                        footer="all amounts in euro", width=terminal_width(stream), colour=is_terminal(stream)))
"""


def test_small_edits_of_one_long_statement_are_proposed_when_they_are_apart() -> None:
    ours = CALL.replace(b'"due"), \n', b'"due"),\n').replace(b"Orders of the day", b"Orders of today")
    theirs = CALL.replace(b"is_terminal(stream)", b"stream.isatty()")
    near = CALL.replace(b'title="Orders of the day"', b'heading="Orders of the day"')

    (both,) = merged_both_ways(CALL, ours, theirs).conflicts
    assert both.proposal in ours.replace(b"is_terminal(stream)", b"stream.isatty()").decode()
    assert [row.proposal for row in merged_both_ways(CALL, ours, near).conflicts] == [None]


def test_a_line_edited_by_both_far_apart_is_proposed() -> None:
    base = b"def total(rows):\n    return sum(price(row, currency='EUR') * row.amount for row in rows if row.is_open)\n"
    ours = base.replace(b"price(row", b"net_price(row")
    theirs = base.replace(b"row.is_open", b"not row.is_closed")
    near = base.replace(b"price(row,", b"price(line,")

    (conflict,) = merged_both_ways(base, ours, theirs).conflicts
    assert conflict.proposal == theirs.replace(b"price(row", b"net_price(row").decode().split("\n", 1)[1]
    assert [row.proposal for row in merged_both_ways(base, ours, near).conflicts] == [None]


def test_python_2_is_merged_where_one_version_is_taken_as_it_is() -> None:
    """This Python cannot parse it, so nothing that was put together could be checked."""
    base = b"def show(rows):\n    print 'rows', rows\n    return rows\n"
    fix = base.replace(b"    return rows\n", b"    rows = sorted(rows)\n    return rows\n")
    more = fix.replace(b"print 'rows', rows", b"print 'rows', len(rows)").replace(b"return rows", b"return list(rows)")

    assert merged_both_ways(base, fix, more).content == more


@pytest.mark.parametrize("name", ["API_VERSION", "min_version", "schema_version"])
def test_two_numbers_of_anything_but_the_release_are_a_conflict(name: str) -> None:
    """Which protocol or which oldest Python: a person decides."""
    base, ours, theirs = (f'{name} = "{number}"\n'.encode() for number in ("2.0", "2.1", "3.0"))

    assert not merged_both_ways(base, ours, theirs).is_clean


def test_a_body_that_both_sides_emptied_together_is_a_conflict() -> None:
    """Each side leaves a statement; the two together leave none, and git sees no clash."""
    base = "if ready:\n    start()\n\n    # in between\n    # nothing\n    # happens\n\n    stop()\nend()\n"
    sides = [base.replace("    start()\n", ""), base.replace("    stop()\n", "")]

    for order in (sides, sides[::-1]):
        merged = merge_file(base.encode(), [side.encode() for side in order], path="a.py")

        assert [(row.path, bool(row.reason)) for row in merged.conflicts] == [("a.py", True)]


def test_a_name_that_only_some_lines_lost_is_still_there_for_the_other_side() -> None:
    base = "def f(a):\n    total = a + 1\n    print(total)\n    total = a * 2\n    return total\n"
    ours = base.replace("    total = a + 1\n    print(total)\n", "")
    theirs = base.replace("    return total\n", "    log(total)\n    return total\n")
    merged = merge_file(base.encode(), [ours.encode(), theirs.encode()], path="a.py")

    assert merged.is_clean, merged.conflicts
    assert b"    total = a * 2\n    log(total)\n    return total\n" in merged.content
