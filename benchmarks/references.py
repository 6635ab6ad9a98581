"""References of django, celery and networkx: edges against grimp's, time against `ast.parse` and grimp.

    python benchmarks/references.py [--rounds 5]

Needs ``pip install -e '.[dev,bench]'``. Each timing runs in a process of its own, imports done and file system warm;
each round takes all of them in turn, and the ratios are medians over the rounds, on django. "Cold" has no cache;
"warm" has one and ten files changed: five in a function's body, five by a new function. Ours resolves imports,
calls and names; grimp finds imports alone, `ast.parse` finds nothing.

JSON line last: ``missing`` (import edges of grimp's that we lack, all three packages), ``ratio_cold`` and
``ratio_warm`` (of the time of `ast.parse` on the same files in one process), ``ratio_grimp`` (our cold time over
grimp's), ``memory_mb`` (peak of all our processes together).
"""

from __future__ import annotations

import argparse
import ast
import importlib.util
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

PACKAGES = ("django", "celery", "networkx")
TIMED = "django"
JOBS = 2


def main() -> None:
    arguments = _arguments()
    if arguments.one:
        print(json.dumps(_ONE[arguments.one](Path(arguments.root), Path(arguments.state or "."))))
        return
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "tree"
        for package in PACKAGES:
            spec = importlib.util.find_spec(package)
            assert spec and spec.origin, f"{package} is not installed; pip install -e '.[dev,bench]'"
            shutil.copytree(Path(spec.origin).parent, tree / package, ignore=shutil.ignore_patterns("__pycache__"))
        missing = sum(_compare(tree, package) for package in PACKAGES)
        timings = [_round(tree, Path(folder) / "state") for _ in range(arguments.rounds)]
    ratios = {
        "ratio_cold": statistics.median(one["cold"] / one["ast"] for one in timings),
        "ratio_warm": statistics.median(one["warm"] / one["ast"] for one in timings),
        "ratio_grimp": statistics.median(one["cold"] / one["grimp"] for one in timings),
    }
    for one in timings:
        print({name: round(value, 3) for name, value in one.items()})
    memory_mb = max(one["memory_mb"] for one in timings)
    print(
        json.dumps(
            {
                "missing": missing,
                **{key: round(value, 3) for key, value in ratios.items()},
                "memory_mb": round(memory_mb),
            }
        )
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--one", choices=sorted(_ONE), help=argparse.SUPPRESS)
    parser.add_argument("--root", help=argparse.SUPPRESS)
    parser.add_argument("--state", help=argparse.SUPPRESS)
    return parser.parse_args()


def _round(tree: Path, state: Path) -> dict[str, float]:
    shutil.rmtree(state, ignore_errors=True)
    root = tree / TIMED
    parsed, cold = _run("ast", root, state), _run("cold", root, state)
    originals = _change_ten(root)
    warm = _run("cold", root, state)
    for path, text in originals.items():
        path.write_text(text)
    grimp = _run("grimp", root, state)
    return {
        "ast": parsed["seconds"],
        "cold": cold["seconds"],
        "warm": warm["seconds"],
        "grimp": grimp["seconds"],
        "memory_mb": max(cold["memory_mb"], warm["memory_mb"]),
    }


def _run(what: str, root: Path, state: Path) -> dict[str, float]:
    command = [sys.executable, __file__, "--one", what, "--root", str(root), "--state", str(state)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def _change_ten(root: Path) -> dict[Path, str]:
    files = sorted(path for path in root.rglob("*.py") if path.stat().st_size > 3000)
    chosen = files[:: len(files) // 10][:10]
    originals = {path: path.read_text() for path in chosen}
    for number, path in enumerate(chosen):
        if number % 2:
            path.write_text(originals[path] + f"\n\ndef added_{number}(value):\n    return str(value)\n")
        else:
            path.write_text(originals[path].replace("return ", "return (0, None) and ", 1) + "# changed\n")
    return originals


def _ours(root: Path, state: Path) -> dict[str, float]:
    from ptx_prefect.plan.references import read_references

    started = time.perf_counter()
    references = read_references(root, state_dir=state, jobs=JOBS)
    assert references.dependencies
    seconds = time.perf_counter() - started
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return {"seconds": seconds, "memory_mb": (own + JOBS * children) / 1024}


def _ast(root: Path, _: Path) -> dict[str, float]:
    files = [path.read_bytes() for path in root.rglob("*.py")]
    started = time.perf_counter()
    for content in files:
        ast.parse(content)
    return {"seconds": time.perf_counter() - started}


def _grimp(root: Path, _: Path) -> dict[str, float]:
    import grimp

    sys.path.insert(0, str(root.parent))
    os.chdir(root.parent)
    started = time.perf_counter()
    grimp.build_graph(root.name, cache_dir=None)
    return {"seconds": time.perf_counter() - started}


_ONE = {"ast": _ast, "cold": _ours, "grimp": _grimp}


def _compare(tree: Path, package: str) -> int:
    """Prints how the import edges differ; the number of grimp's that we lack."""
    import grimp

    from ptx_prefect.plan.references import read_references

    sys.path.insert(0, str(tree))
    graph = grimp.build_graph(package, cache_dir=None)
    theirs = {(one, other) for one in graph.modules for other in graph.find_modules_directly_imported_by(one)}
    sys.path.pop(0)
    references = read_references(tree / package)
    ours: dict[tuple[str, str], str] = {}
    for edge in references.edges:
        if edge.kind == "import" and edge.target_path and not edge.target_qualname:
            ours.setdefault((references.module_of[edge.path], edge.target_module), edge.note)
    missing = theirs - ours.keys()
    extra = Counter(_why_extra(pair, note, graph.modules) for pair, note in ours.items() if pair not in theirs)
    print(f"{package}: grimp {len(theirs)}, ours {len(ours)}, missing {len(missing)}, extra by class {dict(extra)}")
    for pair in sorted(missing)[:10]:
        print(f"   missing: {pair[0]} -> {pair[1]}")
    return len(missing)


def _why_extra(pair: tuple[str, str], note: str, modules: set[str]) -> str:
    if not set(pair) <= modules:
        return "a folder without __init__.py, which grimp leaves out"
    if note == "dynamic":
        return "import_module with a literal"
    return "a name that is both a submodule and bound in the package" if note == "" else note


if __name__ == "__main__":
    main()
