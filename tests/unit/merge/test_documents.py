"""Merge of Markdown and reST documents: laws, cases that must conflict, cases that must not."""

from __future__ import annotations

import itertools
import re
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ptx_prefect.errors import MergeError
from ptx_prefect.merge import FileMerge, merge_file
from ptx_prefect.merge.documents import assemble_documents
from tests.unit.merge.sides import Edit, conflicts_in_every_order, merged_edits, merged_in_every_order

GUIDE = """\
# Shop

- [Install](#install)
- [Use](#use)

## Install

Run the installer. Then read [how to use it](#use).

1. Download.
2. Unpack.

## Use

Start the shop and open the page.[^1]

- one cart
- one till

| key | meaning |
| --- | --- |
| a | add |

[^1]: With any browser.
"""

MANUAL = """\
====
Shop
====

.. toctree::

   install
   use

Install
=======

Run the installer, see :ref:`usage`.

.. _usage:

Use
===

Start the shop.

* one cart
* one till
"""

CODE = "# Code\n\nRun:\n\n    a = 1; b = 2\n\nand see.\n"

BASES = {"docs/guide.md": GUIDE, "docs/manual.rst": MANUAL, "docs/code.md": CODE} | {
    "docs/tight.md": "# Tight\n",
    "docs/loose.md": "# Loose\n\n- one\n",
}
END = "[^1]: With any browser.\n"


def merged(path: str, *edits: Edit) -> FileMerge:
    """One side an edit of the base at that path."""
    return merged_edits(BASES[path], path, edits)


MUST_MERGE = {
    "two sections at the end": (
        "docs/guide.md",
        [(END, END + "\n## Pay\n\nWith money.\n"), (END, END + "\n## Return\n\nNot at all.\n")],
        ["\n\n## Pay\n\nWith money.\n", "\n\n## Return\n\nNot at all.\n"],
    ),
    "two list items": (
        "docs/guide.md",
        [("- one till\n", "- one till\n- many goods\n"), ("- one till\n", "- one till\n- free coffee\n")],
        ["- one till\n", "- many goods\n", "- free coffee\n"],
    ),
    "two numbered items": (
        "docs/guide.md",
        [("2. Unpack.\n", "2. Unpack.\n3. Start.\n"), ("2. Unpack.\n", "2. Unpack.\n3. Configure it.\n")],
        ["2. Unpack.\n3. ", "\n4. "],
    ),
    "two rows of a table": (
        "docs/guide.md",
        [("| a | add |\n", "| a | add |\n| q | quit |\n"), ("| a | add |\n", "| a | add |\n| p | pay now |\n")],
        ["| q | quit |\n", "| p | pay now |\n"],
    ),
    "sections without a blank line between": (
        "docs/tight.md",
        [("# Tight\n", "# Tight\n## Pay\nMoney.\n"), ("# Tight\n", "# Tight\n## Ship\nBoxes.\n")],
        ["# Tight\n## Pay\nMoney.\n\n## Ship\nBoxes.\n"],
    ),
    "items that are parted by blank lines": (
        "docs/loose.md",
        [("- one\n", "- one\n\n- two\n"), ("- one\n", "- one\n\n- three\n")],
        ["- one\n\n- three\n\n- two\n"],
    ),
    "a subsection and a section": (
        "docs/guide.md",
        [(END, END + "\n## Pay\n\nWith money.\n"), (END, END + "\n### Cards\n\nOf any kind.\n")],
        ["\n### Cards\n\nOf any kind.\n\n## Pay\n"],
    ),
    "one side wraps a paragraph anew": (
        "docs/guide.md",
        [
            ("Start the shop and open the page.[^1]", "Start the shop\nand open the page.[^1]"),
            ("Start the shop and open the page.[^1]", "Start the shop and open its first page.[^1]"),
        ],
        ["Start the shop and open its first page.[^1]\n"],
    ),
    "two footnotes with one number": (
        "docs/guide.md",
        [
            ("- one cart\n", "- one cart[^2]\n\n[^2]: Of wire.\n"),
            (END, END + "\nIt closes.[^2]\n\n[^2]: At night.\n"),
        ],
        ["- one cart[^", "It closes.[^"],
    ),
    "the same new section on both sides": (
        "docs/guide.md",
        [(END, END + "\n## Pay\n\nWith money.\n"), (END, END + "\n## Pay\n\nWith money.\n\n## Return\n\nNo.\n")],
        ["\n## Pay\n\nWith money.\n\n## Return\n\nNo.\n"],
    ),
    "rst: two sections": (
        "docs/manual.rst",
        [
            ("* one till\n", "* one till\n\nPay\n===\n\nMoney.\n"),
            ("* one till\n", "* one till\n\nLeave\n=====\n\nSoon.\n"),
        ],
        ["\n\nPay\n===\n\nMoney.\n", "\n\nLeave\n=====\n\nSoon.\n"],
    ),
    "rst: two documents in a toctree": (
        "docs/manual.rst",
        [("   use\n", "   use\n   pay\n"), ("   use\n", "   use\n   return\n")],
        ["   install\n   use\n   pay\n   return\n"],
    ),
    "rst: two items": (
        "docs/manual.rst",
        [("* one till\n", "* one till\n* goods\n"), ("* one till\n", "* one till\n* free coffee\n")],
        ["* goods\n", "* free coffee\n"],
    ),
    "two items with text below them": (
        "docs/guide.md",
        [
            ("- one till\n", "- one till\n- many goods\n  of all kinds\n"),
            ("- one till\n", "- one till\n- free coffee\n\n  on Fridays\n"),
        ],
        ["- many goods\n  of all kinds\n", "- free coffee\n\n  on Fridays\n"],
    ),
    "two definitions of links": (
        "docs/guide.md",
        [(END, END + "[pay]: https://pay.example\n"), (END, END + "[map]: https://map.example\n")],
        ["[map]: https://map.example\n[pay]: https://pay.example\n"],
    ),
    "rst: two substitutions": (
        "docs/manual.rst",
        [
            ("* one till\n", "* one till\n\n.. |pay| replace:: Pay\n"),
            ("* one till\n", "* one till\n\n.. |map| replace:: Map\n"),
        ],
        [".. |map| replace:: Map\n", ".. |pay| replace:: Pay\n"],
    ),
    "an item removed and an item added beside it": (
        "docs/guide.md",
        [("- one till\n", ""), ("- one till\n", "- one till\n- many goods\n")],
        ["- one cart\n- many goods\n"],
    ),
}


@pytest.mark.parametrize("case", MUST_MERGE)
def test_edits_that_go_together_are_merged_whatever_the_order(case: str) -> None:
    path, edits, expected = MUST_MERGE[case]
    result = merged_in_every_order(BASES[path], path, edits)

    assert all(row.reason and row.place and row.path == path for row in result.resolutions)
    for text in expected:
        assert text in result.content.decode()


MUST_CONFLICT = {
    "one paragraph": ("docs/guide.md", [("the installer", "setup"), ("the installer", "the installer twice")]),
    "one heading": ("docs/guide.md", [("## Use", "## Using it"), ("## Use", "## How to use it")]),
    "deleted and changed": (
        "docs/guide.md",
        [("- one cart\n- one till\n", ""), ("- one till\n", "- two tills\n")],
    ),
    "one new section, two texts": (
        "docs/guide.md",
        [(END, END + "\n## Pay\n\nWith money.\n"), (END, END + "\n## Pay\n\nWith cards.\n")],
    ),
    "one new section, two places": (
        "docs/guide.md",
        [("## Install", "## Pay\n\nMoney.\n\n## Install"), (END, END + "\n## Pay\n\nWith cards.\n")],
    ),
    "one item in other words": (
        "docs/guide.md",
        [("- one till\n", "- one till near the door\n"), ("- one till\n", "- one till behind the door\n")],
    ),
    "the same addition in other words": (
        "docs/guide.md",
        [
            ("- one till\n", "- one till\n- free hot coffee for every guest\n"),
            ("- one till\n", "- one till\n- hot coffee for every guest, free\n"),
        ],
    ),
    "a heading renamed and newly linked": (
        "docs/guide.md",
        [("## Install", "## Set up"), (END, END + "\nSee [the start](#install).\n")],
    ),
    "a footnote removed and newly used": (
        "docs/guide.md",
        [(END, ""), ("Run the installer.", "Run the installer.[^1]")],
    ),
    "two new paragraphs": (
        "docs/guide.md",
        [(END, END + "\nOpen from nine to five.\n"), (END, END + "\nClosed on Mondays, always.\n")],
    ),
    "items of two lists": (
        "docs/guide.md",
        [("- one till\n", "- one till\n- goods\n"), ("- one till\n", "- one till\n1. Pay.\n")],
    ),
    "code wrapped anew": (
        "docs/code.md",
        [("    a = 1; b = 2\n", "    a = 1;\n    b = 2\n"), ("    a = 1; b = 2\n", "    a = 1; b = 3\n")],
    ),
    "a new section of one title at two levels": (
        "docs/guide.md",
        [(END, END + "\n## Pay\n\nWith money.\n"), (END, END + "\n### Pay\n\nWith cards.\n\n## More\n\nSoon.\n")],
    ),
    "numbered items in the middle": (
        "docs/guide.md",
        [("1. Download.\n", "1. Download.\n2. Check.\n"), ("1. Download.\n", "1. Download.\n2. Wait for it.\n")],
    ),
    "rst: one target twice": (
        "docs/manual.rst",
        [("Start the shop.", ".. _start:\n\nStart the shop."), ("Run the", ".. _start:\n\nRun the")],
    ),
    "rst: a target removed and newly used": (
        "docs/manual.rst",
        [(".. _usage:\n\n", ""), ("* one till\n", "* one till, see :ref:`usage`\n")],
    ),
    "rst: one title": ("docs/manual.rst", [("Use\n===", "Using\n====="), ("Use\n===", "Usage\n=====")]),
}


@pytest.mark.parametrize("case", MUST_CONFLICT)
def test_edits_that_need_a_person_are_conflicts_that_lose_nothing(case: str) -> None:
    path, edits = MUST_CONFLICT[case]
    conflicts_in_every_order(BASES[path], path, edits)


TITLES_IN_CODE = {
    "a fence": ("a.md", "# Top\n\n```sh\n# no title\n```\n\n## Use\n\ntext\n"),
    "a fence of tildes that holds a shorter one": ("a.md", "# Top\n\n~~~~\n~~~\n# no title\n~~~~\n\n## Use\n\ntext\n"),
    "front matter": ("a.md", "---\ntitle: A\n# no title\n---\n# Top\n\n## Use\n\ntext\n"),
    "a comment over lines": ("a.md", "# Top\n\n<!--\n# no title\n-->\n\n## Use\n\ntext\n"),
    "a paragraph under a rule": ("a.md", "# Top\n\nno title\n- - -\n\nUse\n---\n\ntext\n"),
    "the last line of a paragraph": ("a.md", "# Top\n\nno\ntitle\n---\n\n## Use\n\ntext\n"),
    "a literal block": ("a.rst", "Top\n===\n\nSo::\n\n    no title\n    --------\n\nUse\n---\n\ntext\n"),
    "a directive": ("a.rst", "Top\n===\n\n.. code-block:: sh\n\n    no title\n    --------\n\nUse\n---\n\ntext\n"),
    "a title with a line above": ("a.rst", "===\nTop\n===\n\nno title\n--\n\nUse\n---\n\ntext\n"),
}


@pytest.mark.parametrize("case", TITLES_IN_CODE)
def test_what_looks_like_a_title_and_is_none_names_no_section(case: str) -> None:
    path, base = TITLES_IN_CODE[case]
    sides = [base.replace("text\n", f"{word}\n").encode() for word in ("ours", "theirs")]
    (conflict,) = merge_file(base.encode(), sides, path=path).conflicts

    assert conflict.definition == "Top > Use"


def test_a_conflict_names_the_section() -> None:
    (conflict,) = merged("docs/guide.md", ("the installer", "setup"), ("the installer", "it")).conflicts

    assert conflict.definition == "Shop > Install"


def test_footnotes_of_both_sides_keep_their_own_texts() -> None:
    path, edits, _ = MUST_MERGE["two footnotes with one number"]
    text = merged(path, *edits).content.decode()
    texts = dict(re.findall(r"^\[\^(\d+)\]: (.*)$", text, re.MULTILINE))
    cart, closes = re.search(r"cart\[\^(\d+)\]", text), re.search(r"closes\.\[\^(\d+)\]", text)

    assert cart is not None and closes is not None
    assert (texts[cart[1]], texts[closes[1]]) == ("Of wire.", "At night.")


def test_the_table_of_contents_follows_the_headings_of_both_sides() -> None:
    sides = [
        GUIDE.replace("- [Use](#use)\n", "- [Use](#use)\n- [Pay](#pay)\n") + "\n## Pay\n\nMoney.\n",
        GUIDE.replace("- [Install]", "- [Before](#before)\n- [Install]").replace(
            "## Install", "## Before\n\nThink.\n\n## Install"
        ),
        GUIDE.replace("- [Use](#use)\n", "- [Use](#use)\n- [Leave](#leave)\n") + "\n## Leave\n\nSoon.\n",
    ]

    for order in itertools.permutations(sides):
        text = merge_file(GUIDE.encode(), [side.encode() for side in order], path="a.md").content.decode()
        listed = re.findall(r"^- \[.*\]\(#(.*)\)$", text, re.MULTILINE)

        assert listed == [title.lower() for title in re.findall(r"^## (.*)$", text, re.MULTILINE)]
        assert set(listed) == {"before", "install", "use", "pay", "leave"}


@pytest.mark.parametrize("suffix", ["md", "rst"])
def test_chapters_of_named_sides_stand_in_their_order(suffix: str) -> None:
    """The plan's order is the book's: sorted by their text, `Zero` would come last."""
    heading = "## {0}\n" if suffix == "md" else "{0}\n----\n"
    names = ("Zero", "Milk", "Wine", "Acid")
    base = "# Book\n\n" if suffix == "md" else "Book\n====\n\n.. toctree::\n\n   home\n\n"
    sides = [
        (base.replace("   home\n", f"   home\n   {name.lower()}\n") + heading.format(name) + f"\nOf {name}.\n").encode()
        for name in names
    ]

    result = merge_file(base.encode(), sides, path=f"a.{suffix}", names=names)

    assert result.is_clean
    assert re.findall(r"^(?:## )?(\w{4})$", result.content.decode(), re.MULTILINE)[-4:] == list(names)
    entries = re.findall(r"^   (\w+)$", result.content.decode(), re.MULTILINE)
    assert entries == (["home", *map(str.lower, names)] if suffix == "rst" else [])


def test_a_sorted_toctree_stays_sorted() -> None:
    base = "Api\n===\n\n.. toctree::\n\n   alpha\n   omega\n"
    names = ("gamma", "delta", "beta")
    sides = [base.replace("   omega", f"   {name}\n   omega").encode() for name in names]

    text = merge_file(base.encode(), sides, path="a.rst", names=names).content.decode()

    assert re.findall(r"^   (\w+)$", text, re.MULTILINE) == ["alpha", "beta", "delta", "gamma", "omega"]


def test_a_link_follows_its_section_when_another_takes_the_anchor() -> None:
    base = "# A\n\n## One\n\ntext\n\n## Two\n\n### Use\n\nhere\n\nend\n"
    ours = base.replace("## One\n", "## One\n\n### Use\n\nother\n")
    theirs = base.replace("end\n", "see [use](#use)\n")

    result = merge_file(base.encode(), [ours.encode(), theirs.encode()], path="a.md")

    assert result.is_clean
    assert "see [use](#use-1)\n" in result.content.decode()


@pytest.mark.parametrize("path", BASES)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_one_changed_side_is_taken_byte_for_byte(path: str, newline: str) -> None:
    base = BASES[path].replace("\n", newline)
    side = base.replace("Use", "Usage").replace("shop", "store").rstrip()

    for sides in ([side, base], [base, side], [side, side]):
        assert merge_file(base.encode(), [one.encode() for one in sides], path=path).content == side.encode()


ODD = [b"", b"```\n# x", b"\xff\xfe#", b"---\na: b", b"[^1] [^1", b"=\n=\n=", b"> " * 2000]


@pytest.mark.parametrize("path", BASES)
@pytest.mark.parametrize("odd", ODD)
def test_odd_input_is_a_clear_result_that_keeps_every_edit(path: str, odd: bytes) -> None:
    good = BASES[path].encode()
    for base, *sides in ((good, good + odd, b"First.\n\n" + good), (b"", good, odd), (odd, good, good + b"\nx\n")):
        result = merge_file(base, sides, path=path)

        added = [line for side in sides for line in side.splitlines() if line not in base.splitlines() and line.strip()]
        assert set(added) <= set(result.content.splitlines())
        assert all(conflict.reason for conflict in result.conflicts)


TITLES = st.sampled_from(["Pay", "Leave", "Return", "Ship", "Pack"])


@settings(max_examples=20, deadline=None)
@given(st.lists(st.lists(TITLES, max_size=2, unique=True), min_size=2, max_size=4), st.randoms())
def test_sections_of_any_sides_are_all_there_in_any_order_of_arrival(added: list[list[str]], random: Random) -> None:
    sides = [(GUIDE + "".join(f"\n## {one}\n\nAbout {one}.\n" for one in sorted(titles))).encode() for titles in added]

    result = merge_file(GUIDE.encode(), sides, path="a.md")
    random.shuffle(sides)

    assert merge_file(GUIDE.encode(), sides, path="a.md").content == result.content
    assert result.is_clean
    titles = re.findall(r"^## (.*)$", result.content.decode(), re.MULTILINE)
    assert sorted(titles) == sorted({"Install", "Use"}.union(*added))
    assert merge_file(GUIDE.encode(), [result.content, result.content], path="a.md").content == result.content


CHAPTERS = [
    (
        "guide/install.md",
        b"# Install\n\n## Notes\n\nSee [use](use.md#notes), [all of it](use.md).[^1]\n\n[^1]: Fast.\n",
    ),
    ("guide/use.md", b"Use\n===\n\n#### Notes\n\nBack to [notes](#notes).[^1] `[^1]`\n\n[^1]: Slow.\n"),
    ("guide/end.md", b"---\ntitle: x\n---\n# End\n\n## Contents\n\n- [A](#a)\n- [B](#b)\n\n## A\n\na\n\n## B\n\nb\n"),
]


def test_chapters_become_one_document_whatever_the_order_of_arrival() -> None:
    order = [name for name, _ in CHAPTERS]
    results = {assemble_documents(parts, kind="markdown", title="Shop", order=order) for parts in permuted(CHAPTERS)}
    (result,) = results
    text = result.content.decode()

    assert result.is_clean
    assert re.findall(r"^(#+ .*)$", text, re.MULTILINE) == [
        *("# Shop", "## Contents", "## Install", "### Notes", "## Use", "### Notes", "## End", "### A", "### B")
    ]
    assert re.findall(r"^ *- \[(.*)\]", text, re.MULTILINE) == ["Install", "Notes", "Use", "Notes", "End", "A", "B"]
    assert "See [use](#notes-1), [all of it](#use).[^1]\n" in text
    assert "Back to [notes](#notes-1).[^2] `[^1]`\n" in text
    assert "[^1]: Fast.\n" in text
    assert "[^2]: Slow.\n" in text


def permuted(parts: list[tuple[str, bytes]]) -> list[tuple[tuple[str, bytes], ...]]:
    """Every order of arrival."""
    return list(itertools.permutations(parts))


def test_rst_chapters_get_one_style_of_titles_and_links_that_lead_there() -> None:
    parts = [
        ("install", b"Install\n*******\n\nNotes\n+++++\n\nSee :doc:`use`. [1]_\n\n.. [1] Fast.\n"),
        ("use", b"Use\n===\n\n.. contents::\n\nNotes\n-----\n\nText. [1]_\n\n.. [1] Slow.\n"),
    ]
    result = assemble_documents(parts, kind="rst", title="Shop")
    text = result.content.decode()

    assert result.is_clean
    assert text.count(".. contents::") == 1
    assert ".. _chapter-use:\n\nUse\n---\n\nNotes\n~~~~~\n\nText. [2]_\n\n.. [2] Slow.\n" in text
    assert "See :ref:`Use <chapter-use>`. [1]_\n" in text


def test_ids_of_two_chapters_are_told_apart_and_their_links_follow() -> None:
    markdown = [
        ("a.md", b'# A\n\n<a id="top"></a>\n\nSee [it](#top).\n'),
        ("b.md", b'# B\n\n<a id="top"></a>\n\nSee [it](#top) and [that](a.md#top).\n'),
    ]
    rst = [
        ("a", b"A\n=\n\n.. _top:\n\nText, see :ref:`top`.\n"),
        ("b", b"B\n=\n\n.. _top:\n\nText, see :ref:`here <top>`.\n"),
    ]
    texts = [
        assemble_documents(parts, kind=kind, title="All").content.decode()
        for parts, kind in ((markdown, "markdown"), (rst, "rst"))
    ]

    assert "See [it](#top).\n" in texts[0]
    assert '<a id="b-top"></a>\n\nSee [it](#b-top)' in texts[0]
    assert "see :ref:`top`.\n" in texts[1]
    assert ".. _b-top:\n\nText, see :ref:`here <b-top>`.\n" in texts[1]


def test_a_chapter_of_several_titles_gets_one_from_its_name() -> None:
    parts = [("first_steps.md", b"# A\n\na\n\n# B {#bee}\n\nb\n"), ("end.md", b"# End\n\n[b](first_steps.md#bee)\n")]
    text = assemble_documents(parts, kind="markdown", title="All", order=["first_steps.md", "end.md"]).content.decode()

    assert re.findall(r"^(##.*)$", text, re.MULTILINE) == [
        *("## Contents", "## First steps", "### A", "### B {#bee}", "## End")
    ]
    assert "[b](#bee)" in text


def test_a_link_to_nothing_in_an_assembled_document_is_reported() -> None:
    parts = [("a.md", b"# A\n\n[gone](b.md#gone) [^9]\n"), ("b.md", b"# B\n")]
    result = assemble_documents(parts, kind="markdown")

    assert [conflict.place for conflict in result.conflicts] == ["link to '^9'", "link to 'b.md#gone'"]
    assert {(conflict.kind, conflict.path) for conflict in result.conflicts} == {("file", "a.md")}


def test_a_reference_to_nothing_in_an_assembled_rst_document_is_reported() -> None:
    parts = [("a", b"A\n=\n\n.. _here:\n\nSee :ref:`here` and :ref:`gone`.\n"), ("b", b"B\n=\n\nSee :ref:`here`.\n")]
    result = assemble_documents(parts, kind="rst")

    assert [(conflict.path, conflict.place) for conflict in result.conflicts] == [("a", "link to 'gone'")]


@pytest.mark.parametrize("parts", [[], [("a", b"# A\n"), ("a", b"# B\n")]])
def test_parts_without_a_name_of_their_own_are_refused(parts: list[tuple[str, bytes]]) -> None:
    with pytest.raises(MergeError, match="each name once"):
        assemble_documents(parts, kind="markdown")


def test_an_order_that_names_other_parts_is_refused() -> None:
    with pytest.raises(MergeError, match="does not name"):
        assemble_documents(CHAPTERS, kind="markdown", order=["x"])
