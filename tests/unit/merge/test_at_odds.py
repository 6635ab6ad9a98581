"""Edits of one real-looking module that go together as text and not as code: every kind, in both orders.

A string in a list of edits is a statement of a new function at the end; a pair is a text and what replaces it.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from ptx_prefect.merge import merge_file

BASE = (Path(__file__).parents[2] / "cases" / "at_odds.py.txt").read_text()


def definition(start: str) -> str:
    """The text of a definition, with the blank lines after it."""
    return BASE[BASE.index(start) : BASE.index("\n\n\n", BASE.index(start)) + 3]


REPORT, OUTER, LOAD = definition("def report("), definition("def outer("), definition("def load(")
Edits = list[str | tuple[str, str]]
AT_ODDS: dict[str, tuple[Edits, Edits]] = {
    "multi-line signature: param removed, keyword used": (
        [('    currency="EUR",\n', "")],
        ['return price_of(stock, 2, currency="USD")'],
    ),
    "multi-line signature: new required": ([("    rate,\n", "    rate,\n    day,\n")], ["return price_of(stock, 2)"]),
    "method loses param": (
        [
            ("def label(self, width):\n        text = self.name[:width]", "def label(self):\n        text = self.name"),
            ("item.label(20)", "item.label()"),
        ],
        ["return stock.items[0].label(5)"],
    ),
    "param renamed, keyword call": (
        [
            (
                "def label(self, width):\n        text = self.name[:width]",
                "def label(self, size):\n        text = self.name[:size]",
            )
        ],
        ["return stock.items[0].label(width=5)"],
    ),
    "params swapped": (
        [('def load(path, encoding="utf-8"):', "def load(encoding, path):")],
        ['return load("x", "latin-1")'],
    ),
    "becomes keyword only": (
        [('def load(path, encoding="utf-8"):', 'def load(path, *, encoding="utf-8"):')],
        ['return load("x", "latin-1")'],
    ),
    "becomes async": ([("def report(stock):", "async def report(stock):")], ["return report(stock).strip()"]),
    "async becomes plain": (
        [("async def connect(url, timeout):", "def connect(url, timeout):"), ("await connect", "connect")],
        ['return await_it(connect("x", 1))'],
    ),
    "constructor gets required": (
        [("def __init__(self, items, limit=LIMIT):", "def __init__(self, items, owner, limit=LIMIT):")],
        ["return Stock([])"],
    ),
    "dataclass field required added": (
        [("    kind: Kind\n", "    kind: Kind\n    owner: str\n")],
        ['return Item("a", Kind.TOY)'],
    ),
    "dataclass field removed, keyword used": (
        [
            ("    amount: int = 0\n", "    count: int = 0\n"),
            ("self.amount", "self.count"),
            ("item.amount", "item.count"),
        ],
        ['return Item("a", Kind.TOY, amount=3)'],
    ),
    "dataclass field renamed, attribute used": (
        [
            ("    amount: int = 0\n", "    count: int = 0\n"),
            ("self.amount", "self.count"),
            ("item.amount", "item.count"),
        ],
        ["return stock.items[0].amount"],
    ),
    "property becomes method": (
        [("    @property\n    def is_empty(self)", "    def is_empty(self)"), ("item.is_empty:", "item.is_empty():")],
        ["return [item for item in stock.items if item.is_empty]"],
    ),
    "method becomes property": (
        [("    def size(self):", "    @property\n    def size(self):")],
        ["return stock.size() + 1"],
    ),
    "static becomes method": (
        [
            ("    @staticmethod\n    def parse(line):", "    def parse(self, line):"),
            ("Item.parse(line)", "Item().parse(line)"),
        ],
        ['return Item.parse("a;TOY")'],
    ),
    "nested function changed + new call": (
        [
            (
                "    def inner(value):\n        return value + 1",
                "    def inner(value, step):\n        return value + step",
            ),
            ("inner(value)\n    return", "inner(value, 1)\n    return"),
        ],
        [("    total = 0\n", "    total = inner(0)\n")],
    ),
    "function renamed": ([("def load(", "def read("), ('"load"', '"read"')], ['return load("x")']),
    "function removed": (
        [
            (
                REPORT,
                "",
            )
        ],
        ["return report(stock)"],
    ),
    "method renamed": ([("def find(", "def lookup(")], ['return stock.find("x")']),
    "method removed": ([("    def size(self):\n        return len(self.items)\n", "")], ["return stock.size()"]),
    "enum member renamed": ([("    TOY = 2", "    GAME = 2")], ["return Kind.TOY"]),
    "enum member removed": ([("    TOY = 2\n", "")], ["return Kind.TOY"]),
    "class renamed": ([("class Stock:", "class Store:"), ('"Stock"', '"Store"')], ["return Stock([])"]),
    "class renamed + annotation": (
        [("class Stock:", "class Store:"), ('"Stock"', '"Store"')],
        [("def report(stock):", "def report(stock: Stock):")],
    ),
    "class renamed + string annotation": (
        [("class Stock:", "class Store:"), ('"Stock"', '"Store"')],
        [("def report(stock):", 'def report(stock: "Stock"):')],
    ),
    "class renamed + subclass": (
        [("class Stock:", "class Store:"), ('"Stock"', '"Store"')],
        [("def report(stock):", "class Big(Stock):\n    pass\n\n\ndef report(stock):")],
    ),
    "constant renamed": ([("LIMIT = 10", "MAX = 10"), ("limit=LIMIT", "limit=MAX")], ["return LIMIT"]),
    "constant removed": ([("RATE = 0.2\n", "")], ["return RATE"]),
    "attribute renamed": ([("self.limit = limit", "self.bound = limit")], ["return stock.limit"]),
    "class attribute renamed": ([("    registry = {}", "    known = {}")], ["return Stock.registry"]),
    "dict key renamed + new use": ([('    "size": 3,', '    "length": 3,')], ['return DEFAULTS["size"]']),
    "dict key removed + new use": ([('    "size": 3,\n', "")], ['return DEFAULTS["size"]']),
    "import removed + new use": ([("import os\n", ""), ("os.linesep.join", "'\\n'.join")], ["return os.getcwd()"]),
    "from import removed + new use": (
        [
            ("from decimal import Decimal\n", ""),
            ("Decimal(item.amount) * Decimal(rate)", "item.amount * rate"),
            ("Decimal(0)", "0"),
        ],
        ["return Decimal(3)"],
    ),
    "import alias changed + new use": (
        [("import json\n", "import json as js\n"), ("json.dump", "js.dump")],
        ["return json.dumps(1)"],
    ),
    "import replaced by from + new use": (
        [("import json\n", "from json import dump\n"), ("json.dump(", "dump(")],
        ["return json.dumps(1)"],
    ),
    "local renamed + new use far in the function": (
        [("    lines = []", "    rows = []"), ("lines.append", "rows.append"), ("join(lines)", "join(rows)")],
        [("def report(stock):\n", "def report(stock):\n    log(lambda: lines)\n")],
    ),
    "nested renamed + new use": (
        [("    def inner(value):", "    def step(value):"), ("inner(value)\n    return", "step(value)\n    return")],
        [("    total = 0\n", "    total = inner(0)\n")],
    ),
    "param renamed + new use in body": (
        [
            ("def price_of(\n    item,", "def price_of(\n    thing,"),
            ("    if item.is_empty:", "    if thing.is_empty:"),
            ("Decimal(item.amount) *", "Decimal(thing.amount) *"),
        ],
        [("        return Decimal(0)\n", "        print(item)\n        return Decimal(0)\n")],
    ),
    "removed function + added to __all__": (
        [
            (
                OUTER,
                "",
            )
        ],
        [('"Stock"]', '"Stock", "outer"]')],
    ),
    "removed function kept in decorator use": (
        [("def outer(values):", "def outside(values):")],
        [("def report(stock):", "@outer\ndef report(stock):")],
    ),
    "exception renamed": (
        [("class Stock:", "class StockError(Exception):\n    pass\n\n\nclass Stock:")],
        [("class Stock:", "class StockError(ValueError):\n    code = 1\n\n\nclass Stock:")],
    ),
    "same function, two places, other body": (
        [("def report(stock):", "def helper(a):\n    return a\n\n\ndef report(stock):")],
        [("def load(path", "def helper(a, b):\n    return b\n\n\ndef load(path")],
    ),
    "same method, two places, other body": (
        [("    def dump(self", "    def total(self):\n        return 1\n\n    def dump(self")],
        [("    def add(self", "    def total(self):\n        return 2\n\n    def add(self")],
    ),
    "same constant, two places": (
        [("LIMIT = 10\n", "LIMIT = 10\nSPEED = 1\n")],
        [("def report(stock)", "SPEED = 2\n\n\ndef report(stock)")],
    ),
    "same enum member, two places": (
        [("    BOOK = 1\n", "    BOOK = 1\n    GAME = 4\n")],
        [("    FOOD = 3\n", "    FOOD = 3\n    GAME = 5\n")],
    ),
    "same field two places": (
        [("    kind: Kind\n", "    kind: Kind\n    owner: str = ''\n")],
        [
            (
                "    tags: list = field(default_factory=list)\n",
                "    tags: list = field(default_factory=list)\n    owner: int = 0\n",
            )
        ],
    ),
    "same field bare two places": (
        [("    name: str\n", "    name: str\n    owner: str\n")],
        [("    kind: Kind\n", "    kind: Kind\n    owner: int\n")],
    ),
    "same dict key two places": (
        [('    "color": "red",\n', '    "color": "red",\n    "weight": 1,\n')],
        [('    "size": 3,\n', '    "size": 3,\n    "weight": 2,\n')],
    ),
    "same dict key two spellings": (
        [('    "color": "red",\n', '    "color": "red",\n    "weight": 1,\n')],
        [('    "size": 3,\n', "    \"size\": 3,\n    'weight': 2,\n")],
    ),
    "same name imported from two modules": (
        [("import json\n", "import json\nfrom os.path import join\n")],
        [("from typing import Optional\n", "from typing import Optional\nfrom shlex import join\n")],
    ),
    "same alias for two modules": (
        [("import json\n", "import json\nimport numpy as np\n")],
        [("from typing import Optional\n", "from typing import Optional\nimport cupy as np\n")],
    ),
    "import and def of one name": (
        [("import json\n", "import json\nfrom textwrap import shorten\n")],
        [("def report(stock):", "def shorten(text):\n    return text[:3]\n\n\ndef report(stock):")],
    ),
    "class and function of one name": (
        [("def report(stock):", "class Helper:\n    pass\n\n\ndef report(stock):")],
        [("def load(path", "def Helper(a):\n    return a\n\n\ndef load(path")],
    ),
    "same nested def": (
        [("    total = 0\n", "    def twice(v):\n        return v * 2\n\n    total = 0\n")],
        [("    def inner(value)", "    def twice(v):\n        return v + v\n\n    def inner(value)")],
    ),
    "same keyword param added twice differently": (
        [("def fetch(url, timeout=3):", "def fetch(url, timeout=3, retries=1):")],
        [("def fetch(url, timeout=3):", "def fetch(url, retries=5, timeout=3):")],
    ),
    "both change a default differently": ([("timeout=3)", "timeout=5)")], [("timeout=3)", "timeout=9)")]),
    "both change constant": ([("LIMIT = 10", "LIMIT = 11")], [("LIMIT = 10", "LIMIT = 12")]),
    "both change dict value": ([('"size": 3', '"size": 4')], [('"size": 3', '"size": 5')]),
    "match: same case twice": (
        [
            (
                '        case ["add", name]:\n',
                '        case ["move", name]:\n            return 1\n        case ["add", name]:\n',
            )
        ],
        [("        case _:\n", '        case ["move", name]:\n            return 2\n        case _:\n')],
    ),
    "inserts on a shared name": (
        [("    total = 0\n", "    total = 0\n    start = 1\n")],
        [("    return total\n", "    start = 5\n    return total + start\n")],
    ),
    "one reassigns loop var other reads": (
        [("    for value in values:\n", "    values = sorted(values)\n    for value in values:\n")],
        [
            (
                "    def inner(value):\n        return value + 1\n\n",
                "    def inner(value):\n        return value + 1\n\n    values = list(values)\n",
            )
        ],
    ),
    "self attr assigned by both": (
        [("        self.items = items\n", "        self.items = items\n        self.size_limit = 3\n")],
        [("    def size(self):\n", "    def size(self):\n        self.size_limit = 4\n")],
    ),
    "delete / edit body": (
        [
            (
                REPORT,
                "",
            )
        ],
        [("label(20)", "label(30)")],
    ),
    "rename / edit body": ([("def report(", "def summary(")], [("label(20)", "label(30)")]),
    "class deleted / method added": (
        [("class Kind(enum.Enum):\n    BOOK = 1\n    TOY = 2\n    FOOD = 3\n\n\n", "")],
        [("    FOOD = 3\n", "    FOOD = 3\n    GAME = 4\n")],
    ),
    "moved / edited": (
        [
            (
                LOAD,
                "",
            ),
            (
                "def report(stock):",
                f"{LOAD}def report(stock):",
            ),
        ],
        [("return [Item.parse(line) for line in file]", "return [Item.parse(line.strip()) for line in file]")],
    ),
    "annotate differently": (
        [("def load(path, enc", "def load(path: str, enc")],
        [("def load(path, enc", "def load(path: bytes, enc")],
    ),
    "annotate return differently": (
        [('encoding="utf-8"):', 'encoding="utf-8") -> list:')],
        [('encoding="utf-8"):', 'encoding="utf-8") -> tuple:')],
    ),
    "field type differently": (
        [("amount: int = 0", "amount: float = 0")],
        [("amount: int = 0", "amount: Decimal = 0")],
    ),
    "decorators that disagree": (
        [("async def fetch", "@retry(3)\nasync def fetch")],
        [("async def fetch", "@retry(5)\nasync def fetch")],
    ),
    "global counter both": ([("RATE = 0.2", "RATE = 0.3")], [("RATE = 0.2", "RATE = Decimal('0.25')")]),
    "raise vs new except on renamed": (
        [
            ("class Item:", "class Thing:"),
            ("return Item(", "return Thing("),
            ("[Item.parse", "[Thing.parse"),
            ('"Item"', '"Thing"'),
        ],
        ["return isinstance(stock, Item)"],
    ),
    "typing name removed + annotation": (
        [("from typing import Optional\n", "")],
        [("def load(path, enc", "def load(path: Optional[str], enc")],
    ),
    "list becomes generator, its length": (
        [("        return [Item.parse(line) for line in file]", "        yield from map(Item.parse, file)")],
        ["return len(load(stock))"],
    ),
    "list becomes generator, an element of the variable": (
        [("        return [Item.parse(line) for line in file]", "        yield from map(Item.parse, file)")],
        ["items = load(stock)\n    return items[0]"],
    ),
    "removed dataclass import + new dataclass": (
        [("from dataclasses import dataclass, field\n", "from attr import define, field\n"), ("@dataclass", "@define")],
        ["@dataclass\n    class A:\n        x: int\n    return A"],
    ),
}


def edited(edits: Edits) -> str:
    text = BASE
    for edit in edits:
        if isinstance(edit, str):
            text += f"\n\ndef newcomer(stock):\n    {edit}\n"
        else:
            assert edit[0] in text
            text = text.replace(*edit)
    return text


@pytest.mark.parametrize("kind", AT_ODDS)
def test_what_is_at_odds_is_flagged_in_both_orders(kind: str) -> None:
    ours, theirs = (edited(edits).encode() for edits in AT_ODDS[kind])

    for sides in ((ours, theirs), (theirs, ours)):
        merged = merge_file(BASE.encode(), sides, path="shop.py")

        assert merged.conflicts
        kept = set(merged.content.splitlines())
        assert all(set(side.splitlines()) - set(BASE.encode().splitlines()) <= kept for side in sides)


@pytest.mark.parametrize("kind", AT_ODDS)
def test_either_side_alone_is_taken_as_it_is(kind: str) -> None:
    for edits in AT_ODDS[kind]:
        side = edited(edits).encode()

        assert merge_file(BASE.encode(), (BASE.encode(), side, side), path="shop.py").content == side


GO_TOGETHER: dict[str, tuple[Edits, Edits]] = {
    "an import removed, an attribute of that name used": (
        [("import os\n", ""), ("os.linesep", "LINE_END"), ("RATE = 0.2\n", 'RATE = 0.2\nLINE_END = "|"\n')],
        ["return stock.os()"],
    ),
    "a setter added to a property, the property read": (
        [
            (
                "    @staticmethod\n    def parse(line):",
                "    @is_empty.setter\n    def is_empty(self, value):\n        self.amount = 0\n\n"
                "    @staticmethod\n    def parse(line):",
            )
        ],
        ["return stock.items[0].is_empty"],
    ),
    "one key in two dictionaries": (
        [("RATE = 0.2\n", 'RATE = 0.2\nCOLORS = {\n    "weight": 1,\n}\n')],
        ['return {\n        "weight": 2,\n    }'],
    ),
}


@pytest.mark.parametrize("kind", GO_TOGETHER)
def test_what_only_looks_at_odds_is_merged_in_both_orders(kind: str) -> None:
    ours, theirs = (edited(edits).encode() for edits in GO_TOGETHER[kind])

    for sides in ((ours, theirs), (theirs, ours)):
        assert [row.reason for row in merge_file(BASE.encode(), sides, path="shop.py").conflicts] == []


def test_a_default_that_one_side_removes_is_no_name() -> None:
    """``True`` is gone from one side and new on the other: nothing was renamed."""
    base = "def first(deep=True):\n    return deep\n\n\nA = 1\nB = 2\n\n\ndef last(rows):\n    return rows\n"
    ours, theirs = base.replace("deep=True", "deep"), base.replace("return rows", "return copy(rows, whole=True)")

    assert merge_file(base.encode(), (ours.encode(), theirs.encode()), path="a.py").is_clean
