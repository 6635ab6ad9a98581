"""A candidate's own process: load it, make the calls, stream what they gave. It knows no expected value."""

from __future__ import annotations

import ast
import builtins
import functools
import gc
import inspect
import json
import os
import random
import resource
import signal
import sys
import time
import types
from collections.abc import Callable
from typing import Any

from ptx_prefect.vote.inside.wire import MAX_DRAINED, TooLargeError, encode, kept, key_of

MODULE = "candidate"
_PLAIN = (type(None), bool, int, float, complex, str, bytes, list, tuple, dict, set, frozenset)
_MAX_FRAME = 4_000_000
_PATIENCE = 20
"""So many signals that its time is up, 50 ms apart, may pass a call by."""
EXPIRED_EXIT = 124
_Emit = Callable[[list[Any]], None]
# Kept before any candidate may replace them.
_dumps, _write, _arm = json.dumps, os.write, signal.setitimer
_compile, _eval, _exec = builtins.compile, builtins.eval, builtins.exec
_bases = type.__dict__["__mro__"].__get__
_BUILTIN = frozenset(kind for kind in vars(builtins).values() if isinstance(kind, type))
_type_name = type.__dict__["__name__"].__get__  # not what a metaclass says
_leave = os._exit
_wall_s, _thread_s, _usage = time.perf_counter, time.thread_time, resource.getrusage


class _ExpiredError(BaseException):
    """The call's time is up. No Exception, so that fewer candidates catch it."""


class NotAwaited(Exception):  # noqa: N818  # candidates' calls show the name
    """A call gave a coroutine: whoever wrote it forgot the ``await``."""


def run_job(job: dict[str, Any], pipe: int) -> None:
    """Do one job and stream frames (JSON lines) into the pipe.

    Frames: ``["loaded", why an import of the prelude failed, ...]`` or ``["broken", why]``, then for each call
    ``[index, kind, tree or text]`` (and what became of its arguments, see ``_maker``),
    or for a timing ``["first", thread_s, thread_s]`` (of calls not made before, and of the same calls again),
    then ``["rep", wall_s, thread_s, waits]`` and at last ``["keys", [key, ...]]``.
    """

    def emit(frame: list[Any]) -> None:
        data = (_dumps(frame) + "\n").encode()
        if len(data) > _MAX_FRAME:
            data = (_dumps([frame[0], "error", "TooLarge"]) + "\n").encode()
        while data:
            data = data[_write(pipe, data) :]

    random.seed(0)
    namespace = _load(job, emit)
    if namespace is None:
        return
    if job["mode"] == "time":
        _time(job, namespace, emit)
    else:
        _call_all(job, namespace, emit)


def _load(job: dict[str, Any], emit: _Emit) -> dict[str, Any] | None:
    module = types.ModuleType(MODULE)
    sys.modules[MODULE] = module
    namespace: dict[str, Any] = module.__dict__

    def load() -> Any:
        missing = _run_prelude(job["prelude"], namespace)
        for name, text in ((MODULE, job["source"]), ("setup", job.get("setup", ""))):
            _exec(_compile(text, f"<{name}>", "exec", 0, True), namespace)
        wanted = job["entry_point"].partition(".")[0]  # a method is found on its class when it is called
        if wanted and wanted not in namespace:
            raise NameError(f"defines no {wanted!r}")
        return missing

    kind, found = _limited(load, job["load_cpu_s"], job["load_wall_s"])
    if kind == "value":
        emit(["loaded", *found])
        return namespace
    emit(["broken", "did not finish loading in time" if kind == "timeout" else found])
    return None


def _run_prelude(text: str, namespace: dict[str, Any]) -> list[str]:
    """The task's own lines. A module that is not installed here is missing for those programs only that use it.

    Returns the imports that failed, with the reason.
    """
    missing = []
    for statement in ast.parse(text).body:
        code = _compile(ast.Module([statement], []), "<prelude>", "exec", 0, True)
        try:
            _exec(code, namespace)
        except ImportError as error:
            if not isinstance(statement, (ast.Import, ast.ImportFrom)):
                raise
            missing.append(f"{ast.unparse(statement)}: {_text_of(error)}"[:300])
    return missing


def _call_all(job: dict[str, Any], namespace: dict[str, Any], emit: _Emit) -> None:
    expired = job["expired"]
    for index, call in enumerate(job["calls"]):
        if index < job["start"]:
            continue
        cpu_s, wall_s = (job[f"{'expired' if expired else 'call'}_{clock}_s"] for clock in ("cpu", "wall"))
        kind, found = _limited(_maker(call, job["entry_point"], namespace), cpu_s, wall_s)
        if kind == "error":
            found = found.partition(":")[0]
        emit([index, kind, *found] if kind == "value" else [index, kind, found])
        expired += kind == "timeout"
        if expired >= job["max_timeouts"] or found == "wall":
            return


def _maker(call: str, entry_point: str, namespace: dict[str, Any]) -> Callable[[], list[Any]]:
    """Makes the call: its value as a tree; behind it, where it only acts on its arguments, what became of them."""

    def make() -> list[Any]:
        run, arguments = _prepare(call, entry_point, namespace)
        given = arguments()
        value = run(given)
        if type(value) is types.CoroutineType:
            value.close()
            raise NotAwaited("gives a coroutine: ask for it by await")
        if type(value) is types.AsyncGeneratorType:
            value = iter(_loop().run_until_complete(_items_of(value)))
        if value is None and given is not None:
            after = encode(given)
            return [None, after] if key_of(after) != key_of(encode(arguments())) else [None]
        return [encode(value)]

    def run_program() -> list[Any]:
        own = {**namespace, "_ptx_kept": kept, "_ptx_noted": _noted}
        code = _compile(call, "<call>", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, True)
        awaiting = _eval(code, own)
        if code.co_flags & inspect.CO_COROUTINE:
            _loop().run_until_complete(awaiting)
        return [encode(own.get("_ptx_seen"))]

    return run_program if call.startswith("_ptx_seen") else make


def _noted(seen: list[Any], value: Any) -> Any:
    """The value, recorded where it is one of the builtin types: an object's attributes are its own affair."""
    if type(value) in _PLAIN:
        seen.append((-1, kept(value)))
    return value


def _limited(make: Callable[[], Any], cpu_s: float, wall_s: float) -> tuple[str, Any]:
    """What ``make`` gave, as (kind, value or text), within limits that a signal enforces."""

    fired: list[str] = []

    def expire(number: int, frame: object) -> None:
        fired.append("wall" if number == signal.SIGALRM else "cpu")
        if len(fired) > _PATIENCE:
            _leave(EXPIRED_EXIT)
        raise _ExpiredError(fired[-1])

    try:
        try:
            signal.signal(signal.SIGPROF, expire)
            signal.signal(signal.SIGALRM, expire)
            # Again and again, for a candidate that catches everything; the kernel's limit comes last.
            _arm(signal.ITIMER_PROF, cpu_s, 0.05)
            _arm(signal.ITIMER_REAL, wall_s, 0.05)
            made = _made(make)
        finally:
            _disarm()
        # It caught what we raised, or that was raised where nobody hears it, as in `__del__`.
        return ("timeout", fired[0]) if fired else made
    except _ExpiredError as expired:
        _disarm()
        return "timeout", str(expired)
    except BaseException:
        return "error", "Error"


def _made(make: Callable[[], Any]) -> tuple[str, Any]:
    try:
        return "value", make()
    except _ExpiredError:
        raise
    except TooLargeError:
        return "error", "TooLarge: value too deep or too large"
    except BaseException as error:
        # Its class may run code of the candidate's when it is looked at: so this is within the limits as well.
        return "error", f"{_class_of(error)}: {_text_of(error)}"


def _class_of(error: BaseException) -> str:
    """The name of its class; behind it, for a class of the candidate's own, the builtin one that it is a kind of."""
    name = str(_type_name(type(error)))
    builtin = next(_type_name(base) for base in _bases(type(error)) if base in _BUILTIN)
    return name if name == builtin else f"{name} ({builtin})"


def _disarm() -> None:
    for _ in range(3):  # a signal may still be on its way
        try:
            _arm(signal.ITIMER_PROF, 0)
            _arm(signal.ITIMER_REAL, 0)
        except _ExpiredError:
            continue
        return


def _text_of(error: BaseException) -> str:
    try:
        return str(error)[:200]
    except _ExpiredError:
        raise
    except BaseException:
        return ""


def _time(job: dict[str, Any], namespace: dict[str, Any], emit: _Emit) -> None:
    """Warm up, then time ``repeats`` times ``loops`` passes over the calls, each with arguments of its own."""
    passes = [_prepare(call, job["entry_point"], namespace) for call in job["calls"]]

    def measure() -> Any:
        first = None if job.get("idle") else _first_and_again(passes, job["half"])
        if first is not None:
            emit(["first", *first])
        gc.collect()
        gc.disable()
        if job.get("idle"):  # all but the calls themselves, to know what they alone take
            for _ in range(job["repeats"]):
                _fresh(passes, job["loops"])
            return []
        found: list[Any] = []
        for _ in range(job["repeats"]):
            rep, found = _repetition(passes, job["loops"])
            emit(["rep", *rep])
        return [_safe_key(value) for value in found]

    kind, found = _limited(measure, job["call_cpu_s"], job["call_wall_s"])
    emit(["keys" if kind == "value" else kind, found])


def _first_and_again(passes: list[Any], half: int) -> tuple[float, float] | None:
    """Warm up. Gives what one half of the calls takes when the other half has been made, and when it is made again."""
    for run, arguments in passes[1 - half :: 2] or passes:
        run(arguments())
    took = []
    for _ in range(2):
        fresh = [(run, arguments()) for run, arguments in passes[half::2]]
        began = _thread_s()
        for run, arguments in fresh:
            run(arguments)
        took.append(_thread_s() - began)
    return (took[0], took[1]) if len(passes) > 1 else None


def _repetition(passes: list[Any], loops: int) -> tuple[tuple[float, float, int], list[Any]]:
    fresh = _fresh(passes, loops)
    found = []
    waits = _usage(resource.RUSAGE_THREAD).ru_nvcsw
    wall, thread = _wall_s(), _thread_s()
    for run, arguments in fresh:
        found.append(run(arguments))
    thread, wall = _thread_s() - thread, _wall_s() - wall
    waits = _usage(resource.RUSAGE_THREAD).ru_nvcsw - waits
    return (wall / loops, thread / loops, waits), found[-len(passes) :]


def _fresh(passes: list[Any], loops: int) -> list[Any]:
    return [(run, arguments()) for _ in range(loops) for run, arguments in passes]


@functools.cache
def _loop() -> Any:
    import asyncio

    return asyncio.new_event_loop()


async def _items_of(stream: Any) -> list[Any]:
    items: list[Any] = []
    async for item in stream:
        items.append(item)
        if len(items) > MAX_DRAINED:
            raise TooLargeError("stream without end")
    return items


def _awaited(value: Any) -> Any:
    """``await value``: whoever answers at once where a coroutine is wanted fails, as in a program."""
    if not inspect.isawaitable(value):
        raise TypeError(f"object {_type_name(type(value))} can't be used in 'await' expression")
    return _loop().run_until_complete(value)


def _prepare(call: str, entry_point: str, namespace: dict[str, Any]) -> tuple[Callable[[Any], Any], Callable[[], Any]]:
    """How to run a call and how to make its arguments; making them is not timed."""
    try:
        tree = ast.parse(call, mode="eval").body
    except SyntaxError:
        statement = _compile(call, "<benchmark>", "exec", 0, True)
        return (lambda _: _exec(statement, namespace)), (lambda: None)
    is_awaited = isinstance(tree, ast.Await)
    tree = tree.value if isinstance(tree, ast.Await) else tree
    if isinstance(tree, ast.Call) and isinstance(tree.func, ast.Name) and tree.func.id == entry_point:
        function = namespace[entry_point]
        keywords = ast.Call(ast.Name("dict", ast.Load()), [], tree.keywords)
        pair = ast.Expression(ast.Tuple([ast.List(tree.args, ast.Load()), keywords], ast.Load()))
        made = _compile(ast.fix_missing_locations(pair), "<arguments>", "eval", 0, True)
        if is_awaited:
            return (lambda pair: _awaited(function(*pair[0], **pair[1]))), (lambda: _eval(made, namespace))
        return (lambda pair: function(*pair[0], **pair[1])), (lambda: _eval(made, namespace))
    code = _compile(ast.Expression(tree), "<benchmark>", "eval", 0, True)
    if is_awaited:
        return (lambda _: _awaited(_eval(code, namespace))), (lambda: None)
    return (lambda _: _eval(code, namespace)), (lambda: None)


def _safe_key(value: Any) -> str:
    try:
        return key_of(encode(value))
    except Exception as error:
        return type(error).__name__
