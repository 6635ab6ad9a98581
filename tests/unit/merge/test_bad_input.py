"""Whatever the bytes are: a result, never a traceback, and no edit lost."""

from __future__ import annotations

import pytest

from ptx_prefect.merge import merge_file

CODE = b"import os\n\n\ndef f():\n    return 1\n\n\ndef g():\n    return 2\n\n\ndef h():\n    return 3\n"
DEEP = b"x = " + b"(" * 5000 + b"1" + b")" * 5000 + b"\n"
BASES = {
    "latin-1 with a cookie": b"# -*- coding: latin-1 -*-\nNAME = '\xe9\xe8'\n" + CODE,
    "latin-1 without a cookie": b"NAME = '\xe9\xe8'\n" + CODE,
    "unknown cookie": b"# -*- coding: nonsense -*-\n" + CODE,
    "byte order mark": b"\xef\xbb\xbf" + CODE,
    "CRLF": CODE.replace(b"\n", b"\r\n"),
    "mixed line ends": CODE.replace(b"\n", b"\r\n", 3),
    "CR": CODE.replace(b"\n", b"\r"),
    "form feed": CODE.replace(b"\n\n\ndef", b"\n\x0c\ndef"),
    "Unicode separators": CODE + "X = 'a\u2028b\x0b\x1c'\n".encode(),
    "tabs": CODE.replace(b"    ", b"\t"),
    "tabs and spaces": CODE.replace(b"    return 2", b"\treturn 2"),
    "no final newline": CODE[:-1],
    "syntax error": CODE + b"x = (\n",
    "Python 2": b"print 'hello'\ntry:\n    pass\nexcept A, e:\n    raise B, `e`\n" + CODE,
    "a lone surrogate": b"x = '\xed\xa0\x80'\n" + CODE,
    "zero byte late": CODE + b"#" * 9000 + b"\0\n",
    "deep nesting": DEEP + CODE,
    "deep attributes": b"x = a" + b".b" * 20000 + b"\n" + CODE,
    "long sum": b"x = " + b" + ".join([b"1"] * 20000) + b"\n" + CODE,
    "long line": b"x = [" + b",".join(b"%d" % number for number in range(100_000)) + b"]\n" + CODE,
}
ANY_KIND = (
    *("a.py", "a.json", "a.toml", "a.yaml", "a.md", "a.rst", "package.json", "pyproject.toml", "requirements.txt"),
    *("a.js", "a.ts", "a.tsx", "Makefile", "a.csv"),
)
ODD = {
    "binary": (b"\0\1", b"\0\2", b"\0\3"),
    "UTF-16": tuple(f"a\n{word}\nb\n".encode("utf-16") for word in ("0", "1", "2")),
    "garbage": (b"{{{ <<\xff\n[[\n", b"{{{ <<\xff\n[[\n11 \xfe\n", b"33 ]]\n{{{ <<\xff\n[[\n"),
    "added by both": (b"", b"a: 11\n", b"b: 33\n"),
    "brackets": tuple(b"[" * depth + b"]" * depth + b"\n" for depth in (3000, 3001, 3002)),
    "emptied": (b"a: 1\n", b"", b"a: 33\n"),
    "emptied by both": (b"a: 1\n", b"", b""),
    "white space": (b"\n", b"\n\n\n", b" \n"),
}


@pytest.mark.parametrize("kind", BASES)
def test_edits_apart_are_merged_whatever_surrounds_them(kind: str) -> None:
    base = BASES[kind]
    ours, theirs = base.replace(b"return 1", b"return 11"), base.replace(b"return 3", b"return 33")

    merged = merge_file(base, (ours, theirs), path="m.py")

    assert merged.is_clean
    assert merged.content == ours.replace(b"return 3", b"return 33")
    for side in (ours, theirs):
        assert merge_file(base, (side, base), path="m.py").content == side
        assert merge_file(base, (side, side), path="m.py").content == side


@pytest.mark.parametrize("path", ANY_KIND)
@pytest.mark.parametrize("kind", ODD)
def test_every_kind_of_file_takes_any_bytes(path: str, kind: str) -> None:
    base, ours, theirs = ODD[kind]

    merged, swapped = (merge_file(base, sides, path=path) for sides in ((ours, theirs), (theirs, ours)))

    assert merged.is_clean == swapped.is_clean
    if merged.is_clean:
        assert merged.content == swapped.content
    assert all(word in merged.content for word in (b"11", b"33") if word in ours + theirs)


def test_a_side_with_conflict_markers_is_never_clean() -> None:
    ours = b"<<<<<<< a\nx\n=======\ny\n>>>>>>> b\n" + CODE

    merged = merge_file(CODE, (ours, CODE.replace(b"return 3", b"return 33")), path="m.py")

    assert any("left conflict markers" in conflict.reason for conflict in merged.conflicts)


def test_forty_thousand_lines_are_merged() -> None:
    base = b"import os\n" + b"".join(
        b"def f%d(a, b):\n    x = a + %d\n    return x * b\n\n\n" % (n, n) for n in range(8000)
    )
    ours = base.replace(b"import os\n", b"import os\nimport ast\n").replace(b"x = a + 5\n", b"x = ast.a + 5\n")
    theirs = base.replace(b"import os\n", b"import os\nimport re\n").replace(b"x = a + 7995\n", b"x = re.a + 7995\n")

    merged = merge_file(base, (ours, theirs), path="m.py")

    assert merged.is_clean
    assert merged.content == ours.replace(b"import ast\n", b"import ast\nimport re\n").replace(
        b"x = a + 7995\n", b"x = re.a + 7995\n"
    )


def test_a_key_that_both_add_to_a_mapping_of_yaml_is_a_conflict() -> None:
    base = b"a: 1\nm: {}\nb: 2\n"

    assert merge_file(base, (b"k: 1\n" + base, base + b"k: 2\n"), path="c.yaml").conflicts
    assert merge_file(base, (b"k: 1\n" + base, base + b"l: 2\n"), path="c.yaml").is_clean
