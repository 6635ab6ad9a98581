"""Import blocks where both sides changed neighbouring lines: whole statements are compared, never pieces of them."""

from __future__ import annotations

import pytest

from ptx_prefect.merge import merge_file
from ptx_prefect.merge.lines import split
from ptx_prefect.merge.python.imports import merge_imports

TAIL = "\n\nX = 1\n"
WIDE = "from a import (\n    one,\n    two,\n)\nfrom b import c\n"

MERGED = {
    "names inside brackets": (
        WIDE,
        (WIDE.replace("    two,\n", "    two,\n    three,\n"), WIDE.replace("    two,\n", "    two,\n    four,\n")),
        "from a import (\n    one,\n    two,\n    three,\n    four,\n)\nfrom b import c\n",
    ),
    "brackets taken away by one side": (
        WIDE,
        ("from a import one, two, three\nfrom b import c\n", WIDE.replace("    two,\n", "    two,\n    four,\n")),
        "from a import one, two, three, four\nfrom b import c\n",
    ),
    "brackets on one line": (
        "from a import (one, two)\n",
        ("from a import (one, two, three)\n", "from a import (one, two, four)\n"),
        "from a import (one, two, three, four)\n",
    ),
    "a comment at the end of a statement": (
        "import a  # noqa\n",
        ("import a  # noqa: F401\n", "import a  # noqa\nimport b\n"),
        "import a  # noqa: F401\nimport b\n",
    ),
    "a line that grows too long": (
        "from alpha import one\n",
        (
            "from alpha import one, a_rather_long_name_for_a_function, another_rather_long_name\n",
            "from alpha import one, yet_another_name_that_is_long_for_sure, b\n",
        ),
        "from alpha import (\n    one,\n    yet_another_name_that_is_long_for_sure,\n    b,\n"
        "    a_rather_long_name_for_a_function,\n    another_rather_long_name,\n)\n",
    ),
    "names of a package": (
        "from . import one\n",
        ("from . import one, two\n", "from . import one, three\n"),
        "from . import one, three, two\n",
    ),
    "what belongs first": (
        "from __future__ import annotations\nimport a\n",
        (
            "from __future__ import annotations\nimport a\nimport c\n",
            "from __future__ import annotations, division\nimport a\nimport b\n",
        ),
        "from __future__ import annotations, division\nimport a\nimport b\nimport c\n",
    ),
    "modules of one package": (
        "import a.b\n",
        ("import a.b\nimport a.c\n", "import a.b\nimport a.d\n"),
        "import a.b\nimport a.c\nimport a.d\n",
    ),
    "one removed and one added inside brackets": (
        WIDE,
        (WIDE.replace("    two,\n", ""), WIDE.replace("    two,\n", "    two,\n    four,\n")),
        "from a import (\n    one,\n    four,\n)\nfrom b import c\n",
    ),
    "all removed by one side": (
        "import os\nimport sys\n",
        ("", "import os\nimport sys\nimport re\n"),
        "import re\n",
    ),
    "a star spelled out by one side": (
        "from a import *\n",
        ("from a import one\n", "from a import *\nfrom b import c\n"),
        "from a import one\nfrom b import c\n",
    ),
}


@pytest.mark.parametrize("case", MERGED)
def test_statements_that_go_together_are_merged_whatever_the_order(case: str) -> None:
    base, sides, expected = MERGED[case]
    for order in (sides, sides[::-1]):
        merged = merge_file((base + TAIL).encode(), [(side + TAIL).encode() for side in order], path="a.py")

        assert merged.is_clean, merged.conflicts
        assert merged.content.decode() == expected + TAIL


DOUBTFUL = {
    "inside a try": (
        "    import a\n",
        ("    import a\n    import b\n", "    import a\n    import c\n"),
        "    import a\n    import b\n    import c\n",
    ),
    "a comment between groups": (
        "import a\n# group\nimport b\n",
        ("import a\nimport aa\n# group\nimport b\n", "import a\nimport ab\n# other group\nimport b\n"),
        "import a\nimport aa\nimport ab\n# other group\nimport b\n",
    ),
}


@pytest.mark.parametrize("case", DOUBTFUL)
def test_statements_could_go_together_but_a_person_decides(case: str) -> None:
    """As sets of names they can be merged, and are where a merge is undone; people often want something else."""
    base, (ours, theirs), expected = DOUBTFUL[case]
    opening = "try:\n" if base.startswith(" ") else ""
    ending = "except ImportError:\n    a = None\n" if opening else ""
    files = [(opening + block + ending + TAIL).encode() for block in (base, ours, theirs)]

    merged = merge_imports(split(base), split(ours), split(theirs))
    assert merged is not None and merged[0] == expected
    assert not merge_file(files[0], files[1:], path="a.py").is_clean


AT_ODDS = {
    "a star spelled out in two ways": ("from a import *\n", "from a import one\n", "from a import two\n"),
    "one module replaced by two": ("import json\n", "import simplejson as json\n", "import orjson as json\n"),
    "a package moved and used anew": (
        "from a.util.x import one\n",
        "from b.util.x import one\n",
        "from a.util.x import one\nfrom a.util.y import two\n",
    ),
    "a module left and used anew": ("from a import one\n", "from b import one\n", "from a import one, two\n"),
    "one alias for two modules": (
        "import os\n",
        "import os\nimport numpy as np\n",
        "import os\nimport nopy as np\n",
    ),
    "several statements in one line": (
        "import a; import b\n",
        "import a; import b; import c\n",
        "import a; import b; import d\n",
    ),
    "a comment at the end in two ways": ("import a\n", "import a  # noqa: F401\n", "import a  # type: ignore\n"),
    "one import added with two comments": (
        "import a\n",
        "import a\nimport b  # noqa: F401\n",
        "import a\nimport b  # type: ignore\n",
    ),
    "a module removed and used anew": ("import a\nimport b\n", "import b\n", "import a\nimport b\nimport c\nc.x(a)\n"),
}


@pytest.mark.parametrize("case", AT_ODDS)
def test_statements_at_odds_are_left_to_a_person_and_nothing_is_lost(case: str) -> None:
    base, *sides = AT_ODDS[case]
    for order in (sides, sides[::-1]):
        merged = merge_file((base + TAIL).encode(), [(side + TAIL).encode() for side in order], path="a.py")

        assert not merged.is_clean, merged.content.decode()
        new = {line for side in order for line in side.splitlines() if line not in base.splitlines()}
        assert new <= set(merged.content.decode().splitlines())
