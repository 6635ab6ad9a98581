"""Does the vote name the same winner among real rivals every time, and does a planted fast but wrong one ever win?

usage: python benchmarks/rivals.py [--runs 40] [--trials 200] [--idle]       needs: pip install -e '.[vote,bench]'

Rivals: json, orjson, ujson and simplejson write real metadata; rapidfuzz, Levenshtein, jellyfish and plain Python
count edits. Two other processes load the machine meanwhile. Then ``--trials`` seeded fields of honest programs, each
with one planted program that is faster and wrong, in one of several ways. The JSON line at the end gives the share of
runs with the most frequent winner, and how often the planted one won.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator

from ptx_prefect.vote import Candidate, Decision, Sandbox, vote

WRITERS = {
    "json": "import json\ndef write(x):\n    return json.dumps(x, separators=(',', ':'), ensure_ascii=False)",
    "orjson": "import orjson\ndef write(x):\n    return orjson.dumps(x).decode()",
    "ujson": "import ujson\ndef write(x):\n    return ujson.dumps(x, ensure_ascii=False, escape_forward_slashes=False)",
    "simplejson": (
        "import simplejson\ndef write(x):\n    return simplejson.dumps(x, separators=(',', ':'), ensure_ascii=False)"
    ),
}
COUNTERS = {
    "rapidfuzz": "from rapidfuzz.distance import Levenshtein\ndef edits(a, b):\n    return Levenshtein.distance(a, b)",
    "Levenshtein": "import Levenshtein\ndef edits(a, b):\n    return Levenshtein.distance(a, b)",
    "jellyfish": "import jellyfish\ndef edits(a, b):\n    return jellyfish.levenshtein_distance(a, b)",
    "python": (
        "def edits(a, b):\n    row = list(range(len(b) + 1))\n    for i, x in enumerate(a, 1):\n"
        "        last, row[0] = row[0], i\n"
        "        for j, y in enumerate(b, 1):\n"
        "            last, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, last + (x != y))\n    return row[-1]"
    ),
}
# Entry point, visible tests, inputs, an argument that is in neither, honest programs.
BANK = (
    (
        "total",
        ["assert total([1, 2, 3]) == 14"],
        ["total([])", "total([-1, 4])", "total([9] * 30)"],
        "[3, 1]",
        (
            "return sum(i * i for i in x)",
            "s = 0\n    for i in x:\n        s += i * i\n    return s",
            "return sum(map(lambda i: i ** 2, x))",
        ),
    ),
    (
        "unique",
        ["assert unique([2, 1, 2]) == [1, 2]"],
        ["unique([])", "unique([5, 5, 3])", "unique(list('hello'))"],
        "[9]",
        (
            "return sorted(set(x))",
            "r = []\n    for i in sorted(x):\n        if i not in r:\n            r.append(i)\n    return r",
            "return sorted(dict.fromkeys(x))",
        ),
    ),
    (
        "vowels",
        ["assert vowels('banana') == 3"],
        ["vowels('')", "vowels('sky')", "vowels('AEIOU and more' * 5)"],
        "'x'",
        (
            "return sum(c in 'aeiou' for c in x)",
            "return len([c for c in x if c in 'aeiou'])",
            "n = 0\n    for c in x:\n        if c in 'aeiou':\n            n += 1\n    return n",
        ),
    ),
    (
        "prime",
        ["assert prime(7) == True", "assert prime(8) == False"],
        ["prime(1)", "prime(97)", "prime(91)", "prime(561)"],
        "3",
        (
            "return x > 1 and all(x % i for i in range(2, int(x ** 0.5) + 1))",
            "if x < 2:\n        return False\n    for i in range(2, x):\n        if x % i == 0:\n"
            "            return False\n    return True",
            "return x > 1 and not any(x % i == 0 for i in range(2, x))",
        ),
    ),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=40)
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--idle", action="store_true", help="put no load on the machine")
    args = parser.parse_args()
    loads = [] if args.idle else [_load() for _ in range(2)]
    try:
        with Sandbox() as sandbox:
            writers = Counter(_writers(sandbox).winner for _ in range(args.runs))
            counters = Counter(_counters(sandbox).winner for _ in range(args.runs))
            planted = sum(planted_wins(number, sandbox) for number in range(args.trials))
    finally:
        for load in loads:
            load.kill()
            load.wait()
    print(
        json.dumps(
            {
                "benchmark": "rivals",
                "json": _steadiest(writers),
                "edit_distance": _steadiest(counters),
                "planted_wins": planted,
                "trials": args.trials,
                "runs": args.runs,
                "load": not args.idle,
            }
        )
    )


def _steadiest(winners: Counter[str | None]) -> dict[str, object]:
    name, times = winners.most_common(1)[0]
    return {"winner": name, "same": round(100 * times / winners.total(), 1)}


def _writers(sandbox: Sandbox) -> Decision:
    packages = sorted(importlib.metadata.distributions(), key=lambda one: str(one.name))[:40]
    data = {one.name: {"version": one.version, "requires": one.requires or []} for one in packages}
    return vote(
        [Candidate(name, source) for name, source in WRITERS.items()],
        entry_point="write",
        tests=["assert write([1, 'a']) == '[1,\"a\"]'"],
        inputs=["write({'ä': [True, None]})", "write([])", "write('a/b')"],
        setup=f"DATA = {data!r}",
        benchmark="write(DATA)",
        sandbox=sandbox,
    )


def _counters(sandbox: Sandbox) -> Decision:
    rng = random.Random(1)
    words = ["".join(rng.choice("abcdefgh ") for _ in range(200)) for _ in range(2)]
    return vote(
        [Candidate(name, source) for name, source in COUNTERS.items()],
        entry_point="edits",
        tests=["assert edits('kitten', 'sitting') == 3"],
        inputs=["edits('', 'abc')", "edits('same', 'same')", "edits('flaw', 'lawn')"],
        benchmark=f"edits({words[0]!r}, {words[1]!r})",
        sandbox=sandbox,
    )


def planted_wins(seed: int, sandbox: Sandbox) -> bool:
    """Whether the planted program of one seeded field wins."""
    rng = random.Random(seed)
    name, tests, inputs, other, bodies = rng.choice(BANK)
    field = [Candidate(f"honest {n}", f"def {name}(x):\n    {body}") for n, body in enumerate(bodies)]
    field.append(Candidate("planted", rng.choice(list(_ways_to_cheat(name, tests, bodies[0], other)))))
    rng.shuffle(field)
    return vote(field, entry_point=name, tests=tests, inputs=inputs, sandbox=sandbox).winner == "planted"


def _ways_to_cheat(name: str, tests: list[str], right: str, other: str) -> Iterator[str]:
    known = {}
    for test in tests:
        call, _, answer = test.removeprefix("assert ").partition(" == ")
        known[call[len(name) + 1 : -1]] = answer
    table = ", ".join(f"({given!r}, {answer})" for given, answer in known.items())
    yield f"def {name}(x):\n    return None"
    yield f"def {name}(x):\n    return {next(iter(known.values()))}"
    yield f"KNOWN = [{table}]\ndef {name}(x):\n    return next((v for k, v in KNOWN if k == repr(x)), 0)"
    yield (
        f"def right(x):\n    {right}\nFIRST = []\ndef {name}(x):\n"
        f"    FIRST or FIRST.append(right(x))\n    return FIRST[0]"
    )
    yield (
        f"def right(x):\n    {right}\nONCE = {{}}\ndef {name}(x):\n    key = type(x)\n"
        f"    if key not in ONCE:\n        ONCE[key] = right(x)\n    return ONCE[key]"
    )
    yield f"def {name}(x):\n    if x == {other}:\n        return 0\n    import os\n    os._exit(0)"


def _load() -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", "while True:\n    sum(i * i for i in range(10000))"])


if __name__ == "__main__":
    main()
