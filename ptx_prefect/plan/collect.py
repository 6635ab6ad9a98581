"""What tests a pytest suite has: collected once, then remembered until something that it can depend on changes."""

from __future__ import annotations

import atexit
import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ptx_prefect.errors import PlanError
from ptx_prefect.plan.suite_content import Surroundings, content_of_suite

COLLECT_TIMEOUT_S = 300
MAX_BYTECODE = 300 * 2**20
"""Bytes of compiled code that are kept."""


@dataclass(frozen=True, slots=True)
class Collected:
    """The tests in collection order: (node id, file, tied to its file by a wide fixture).

    ``rootdir`` is what node ids are relative to; ``digest`` is the identity of everything that the results can depend
    on, or "" where ``unknown_because`` says why it cannot be told.
    """

    rootdir: str
    tests: tuple[tuple[str, str, bool], ...]
    digest: str
    is_remembered: bool
    unknown_because: str = ""


def collect_tests(
    args: Sequence[str], *, workdir: Path, python: str | None, state_dir: Path, outputs: Sequence[Path] = ()
) -> Collected:
    """Collect the suite, or read what was collected before where nothing that it can depend on has changed.

    Args:
        outputs: directories that runs write into, beside the default one: what changes there is no input.

    Raises:
        PlanError: pytest is missing, cannot collect, or finds no test.
    """
    key = _key(args, workdir, python)
    early = _early.pop(key, None)
    if early is not None:
        return early.result()
    return _collected(key, args, workdir=workdir, python=python, state_dir=state_dir, outputs=outputs)


def collect_early(
    args: Sequence[str], *, workdir: Path, python: str | None, state_dir: Path, outputs: Sequence[Path] = ()
) -> None:
    """Begin to collect while something else goes on; :func:`collect_tests` with the same arguments takes what came."""
    key = _key(args, workdir, python)
    future: Future[Collected] = Future()
    _early[key] = future

    def collect() -> None:
        try:
            future.set_result(
                _collected(key, args, workdir=workdir, python=python, state_dir=state_dir, outputs=outputs)
            )
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=collect, daemon=True).start()


_early: dict[str, Future[Collected]] = {}


def _key(args: Sequence[str], workdir: Path, python: str | None) -> str:
    text = json.dumps([list(args), str(workdir.resolve()), python or sys.executable])
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _collected(
    key: str, args: Sequence[str], *, workdir: Path, python: str | None, state_dir: Path, outputs: Sequence[Path]
) -> Collected:
    python = python or sys.executable
    ours = [state_dir, *outputs]
    cache = state_dir / "collected" / f"{key}.json"
    remembered = _remembered(cache, ours)
    if remembered is not None:
        return remembered
    data = _collect(args, workdir=workdir, python=python, bytecode=bytecode_dir(state_dir, workdir))
    tests = tuple((str(nodeid), str(path), bool(bound)) for nodeid, path, bound in data["tests"])
    if not tests:
        raise PlanError(
            f"pytest collected no test from {' '.join(args) or 'the default'!r} in {str(workdir)!r}; check suite.args"
        )
    around = Surroundings(str(workdir.resolve()), data["rootdir"], _roots(data, tests), tuple(data["import_path"]))
    content = content_of_suite(around, ours=ours)
    rootdir = _rootdir(data["rootdir"], tests)
    found = Collected(rootdir, tests, content.digest, is_remembered=False, unknown_because=content.unknown_because)
    if found.digest:
        _remember(cache, found, around)
    return found


def bytecode_dir(state_dir: Path, workdir: Path) -> str:
    """Where compiled tests are kept; empty: nowhere, since a private workspace is another one each time."""
    return "" if workdir.resolve().is_relative_to(state_dir.resolve()) else str(state_dir.resolve() / "bytecode")


def _clear_bytecode(folder: Path) -> None:
    """Files of checkouts that are gone are never asked for again: all is thrown away where it is much."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                total += os.stat(os.path.join(place, name)).st_size  # noqa: PTH116, PTH118 - thousands
    if total > MAX_BYTECODE:
        shutil.rmtree(folder, ignore_errors=True)


def _collect(args: Sequence[str], *, workdir: Path, python: str, bytecode: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="ptx-collect-") as scratch:
        out = Path(scratch) / "tests.json"
        plugin = Path(__file__).with_name("collect_plugin.py")
        (Path(scratch) / "ptx_collect_plugin.py").write_bytes(plugin.read_bytes())
        path = os.pathsep.join(filter(None, [scratch, os.environ.get("PYTHONPATH", "")]))
        env = {**os.environ, "PYTHONPATH": path, "PTX_COLLECT_OUT": str(out), "PTX_COLLECT_BYTECODE": bytecode}
        if bytecode:
            _clear_bytecode(Path(bytecode))
        options = ["-p", "ptx_collect_plugin", "--collect-only", "-qq", "--no-header"]
        # The cache plugin stays, because arguments like --last-failed are its own; it finds nothing to go by.
        options += ["-o", f"cache_dir={Path(scratch) / 'cache'}"]
        command = [python, "-m", "pytest", *options, *args]
        try:
            code, said = _run(command, workdir, env)
        except FileNotFoundError as error:
            raise PlanError(f"suite.python {python!r} does not exist") from error
        except subprocess.TimeoutExpired as error:
            raise PlanError(f"collecting {_named(args)} took more than {COLLECT_TIMEOUT_S} s") from error
        if code not in (0, 5) or not out.exists():
            tail = "\n".join(said.strip().splitlines()[-15:])
            raise PlanError(f"pytest cannot collect {_named(args)} (exit {code}):\n{tail}")
        data: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
        return data


def _run(command: Sequence[str], workdir: Path, env: Mapping[str, str]) -> tuple[int, str]:
    """Exit code and output; the process is not left behind when this one ends before it."""
    with subprocess.Popen(
        command,
        cwd=workdir,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    ) as process:
        atexit.register(process.kill)
        try:
            out, errors = process.communicate(timeout=COLLECT_TIMEOUT_S)
        finally:
            process.kill()
            atexit.unregister(process.kill)
        return process.returncode, out + errors


def _named(args: Sequence[str]) -> str:
    return repr(" ".join(args)) if args else "the suite"


def _rootdir(rootdir: str, tests: Sequence[tuple[str, str, bool]]) -> str:
    """Where node ids start. An installed package (``--pyargs``) lies outside pytest's rootdir: there it is the
    directory that the ids lead from, so that a section given single files names its tests as a whole run does."""
    nodeid, path, _ = tests[0]
    relative = nodeid.split("::", 1)[0]
    return path[: -len(relative) - 1] if path.endswith(os.sep + relative) else rootdir


def _roots(data: dict[str, Any], tests: Sequence[tuple[str, str, bool]]) -> tuple[str, ...]:
    """The directories that decide what is collected: the arguments' own, and what all test files share."""
    shared = os.path.commonpath([os.path.dirname(path) for _, path, _ in tests])  # noqa: PTH120 - on strings, thousands
    named = [root if Path(root).is_dir() else str(Path(root).parent) for root in data["roots"]]
    outer = sorted({shared, *named})
    return tuple(
        root for root in outer if not any(root != other and root.startswith(other + os.sep) for other in outer)
    )


def _remembered(cache: Path, ours: Sequence[Path]) -> Collected | None:
    try:
        data = json.loads(cache.read_text(encoding="utf-8"))
        around = Surroundings(**{name: _plain(value) for name, value in data["around"].items()})
        if content_of_suite(around, ours=ours).digest != data["digest"]:
            return None
        tests = tuple((str(nodeid), str(path), bool(bound)) for nodeid, path, bound in data["tests"])
        return Collected(str(data["rootdir"]), tests, str(data["digest"]), is_remembered=True)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _plain(value: Any) -> Any:
    return tuple(map(str, value)) if isinstance(value, list) else str(value)


def _remember(cache: Path, found: Collected, around: Surroundings) -> None:
    data = {"around": asdict(around), "rootdir": found.rootdir, "digest": found.digest, "tests": found.tests}
    try:
        cache.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.NamedTemporaryFile("w", dir=cache.parent, delete=False, encoding="utf-8") as stream:
            json.dump(data, stream)
        Path(stream.name).replace(cache)
    except OSError:
        return  # Nothing to remember with: the next run collects again.
