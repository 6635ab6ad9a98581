from __future__ import annotations

from pathlib import Path

import pytest

from ptx_prefect.merge.changesets import merge_changesets
from ptx_prefect.tree.base import Base
from ptx_prefect.tree.changeset import Changeset, FileChange, digest_of
from ptx_prefect.validate.names import name_findings
from ptx_prefect.validate.syntax import syntax_error_in

FILES = {
    "pkg/__init__.py": "from pkg.lib import area\n",
    "pkg/lib.py": "LIMIT = 1\n\n\ndef area(x):\n    return x\n\n\ndef spare():\n    return 1\n",
    "pkg/old.py": "print(nothing)\nfrom pkg.lib import never_was\n",
    "pkg/user.py": "from pkg.lib import spare\n\n\ndef main():\n    return spare()\n",
    "pkg/fast.pyx": "",
    "tool.py": "import pkg.lib\n\n\ndef main():\n    return pkg.lib.LIMIT\n",
    "loose/mod.py": "",
    "site/settings.py": "DEBUG = 1\n",
    "shop/settings.py": "DEBUG = 2\n",
    "shop/manage.py": "import settings\n\nprint(settings.DEBUG)\n",
    "web/__init__.py": "",
    "web/views.py": "",
    "shop/views.py": "",
    "shop/urls.py": "import views\n",
}
LIB = FILES["pkg/lib.py"]
USER = FILES["pkg/user.py"]


@pytest.fixture
def base(tmp_path: Path) -> Base:
    for path, text in FILES.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text)
    return Base.of_directory(tmp_path)


def findings(base: Base, files: dict[str, str | None]) -> list[str]:
    rows = []
    for path, text in sorted(files.items()):
        old = digest_of(FILES[path].encode()) if path in FILES else None
        rows.append(FileChange(path, old, None if text is None else text.encode()))
    return [str(row) for row in name_findings(base, Changeset(tuple(rows)))]


WRONG = {
    "an undefined name": (
        {"pkg/user.py": USER + "\n\nprint(unheard_of)\n"},
        ["pkg/user.py:8: undefined name 'unheard_of'"],
    ),
    "a removed function that an untouched file imports": (
        {"pkg/lib.py": LIB.replace("spare", "extra")},
        ["pkg/user.py:1: uses 'pkg.lib.spare', which 'pkg/lib.py' has no more"],
    ),
    "a removed constant that an untouched file reads through the module": (
        {"pkg/lib.py": LIB.replace("LIMIT = 1\n", "")},
        ["tool.py:5: uses 'pkg.lib.LIMIT', which 'pkg/lib.py' has no more"],
    ),
    "a removed module": (
        {"pkg/lib.py": None, "pkg/__init__.py": "", "pkg/user.py": ""},
        ["pkg/old.py:2: uses", "tool.py:1: uses 'pkg.lib'"],
    ),
    "a new import of a name that is not there": (
        {"pkg/user.py": USER + "\nfrom .lib import volume\n"},
        ["pkg/user.py:7: imports 'volume' from 'pkg.lib', which has no such name"],
    ),
    "a new import of a module that is not there": (
        {"new.py": "import pkg.gone\nfrom pkg import gone2\nfrom pkg.gone3 import x\n"},
        ["new.py:1: imports 'pkg.gone'", "new.py:2: imports 'gone2'", "new.py:3: imports 'pkg.gone3'"],
    ),
    "a removed module that the file beside it imports, though another is called so": (
        {"shop/settings.py": None},
        ["shop/manage.py:1: uses 'settings', which is gone"],
    ),
    "a name in __all__ that is not there": (
        {"pkg/user.py": USER + '\n__all__ = ["main", "other"]\n'},
        ["undefined name 'other' in __all__"],
    ),
}
RIGHT = {
    "a module beside that is called like one that is gone": {"site/settings.py": None},
    "a name of a module that another is called like": {"site/settings.py": "OTHER = 1\n"},
    "a package that is gone, where a module is called like its own": {"web/__init__.py": None, "web/views.py": None},
    "what was wrong before": {"pkg/old.py": FILES["pkg/old.py"] + "\nx = 1\n"},
    "imports from elsewhere": {"new.py": "import numpy.gone\nfrom yaml import anything\n"},
    "optional imports": {"new.py": "try:\n    from pkg import gone\nexcept ImportError:\n    gone = None\n"},
    "compiled modules": {"new.py": "import pkg.fast\nfrom pkg import fast\n"},
    "folders without __init__": {"new.py": "import loose.mod\nfrom loose import mod\n"},
    "a function that became a module": {
        "pkg/lib.py": None,
        "pkg/old.py": "",
        "pkg/lib/__init__.py": LIB.replace("\n\ndef spare():\n    return 1\n", ""),
        "pkg/lib/spare.py": "",
    },
    "modules that make names as they go": {"pkg/lib.py": "def __getattr__(name):\n    return name\n"},
    "a rename with its use": {
        "pkg/lib.py": LIB.replace("spare", "extra"),
        "pkg/user.py": USER.replace("spare", "extra"),
    },
    "stars": {"pkg/user.py": "from pkg.lib import *\n\n\ndef main():\n    return spare()\n"},
    "what does not parse (the syntax check tells)": {"pkg/user.py": "def (:\n"},
}


@pytest.mark.parametrize("case", WRONG)
def test_what_no_longer_resolves_is_told_with_its_line(base: Base, case: str) -> None:
    files, expected = WRONG[case]
    found = findings(base, dict(files))

    assert len(found) == len(expected), found
    assert all(text in row for text, row in zip(expected, sorted(found), strict=True))


@pytest.mark.parametrize("case", RIGHT)
def test_what_resolves_or_never_did_is_not_told(base: Base, case: str) -> None:
    assert findings(base, dict(RIGHT[case])) == []


@pytest.mark.parametrize(
    ("path", "content", "is_wrong"),
    [
        ("a.py", b"x = 1\n", False),
        ("a.py", b"x = \n", True),
        ("a.py", b"x = '\\d'\n", False),
        ("a.py", b"x = '\xff'\n", True),
        ("a.json", b'{"a": 1}', False),
        ("a.json", b'{"a": 1,}', True),
        ("tsconfig.json", b"{} // fine", False),
        ("a.toml", b"a = 1\n", False),
        ("a.toml", b"a = \n", True),
        ("a.toml", b"a = '\xff'\n", True),
        ("a.yml", b"a: [1, 2]\n", False),
        ("a.yml", b"a: !tag {b: 1}\n", False),
        ("a.yaml", b"a: [1, 2\n", True),
        ("a.yaml", b"a: {{ value }}: [\n", False),
        ("a.txt", b"def (:", False),
    ],
)
def test_syntax_is_checked_where_there_is_one(path: str, content: bytes, is_wrong: bool) -> None:
    assert (syntax_error_in(path, content) is not None) is is_wrong


SHOP = {
    "__init__.py": "",
    "stock.py": "def area(x):\n    return x\n\n\ndef spare():\n    return 1\n",
    "user.py": "from shop.stock import spare\n\n\ndef main():\n    return spare()\n",
    "other.py": "X = 1\n",
}


def test_a_tree_that_is_itself_a_package_resolves_its_own_imports(tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    folder.mkdir()
    for path, text in SHOP.items():
        (folder / path).write_text(text)
    base = Base.of_directory(folder)

    def told(path: str, text: str) -> list[str]:
        change = FileChange(path, digest_of(SHOP[path].encode()), text.encode())
        return [str(row) for row in name_findings(base, Changeset((change,)))]

    assert "shop.stock.spare" in told("stock.py", "def area(x):\n    return x\n")[0]
    assert told("other.py", "from shop.stock import area\nfrom shop import user\nimport shop.stock\nX = area\n") == []
    assert "'gone'" in told("other.py", "import shop.gone\n")[0]
    assert "'never'" in told("other.py", "from shop.stock import never\n")[0]


def test_a_tree_that_is_itself_a_package_has_its_logic_conflicts_flagged(tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    folder.mkdir()
    for path, text in SHOP.items():
        (folder / path).write_text(text)
    gone, used = "def area(x):\n    return x\n", "from shop.stock import spare\n\nX = spare()\n"
    sides = [
        (path, Changeset((FileChange(path, digest_of(SHOP[path].encode()), text.encode()),)))
        for path, text in (("stock.py", gone), ("other.py", used))
    ]

    (conflict,) = {row.kind for row in merge_changesets(Base.of_directory(folder), sides).conflicts}
    assert conflict == "logic"
