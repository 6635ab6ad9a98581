"""In the child process: call one function and write down what came of it as JSON."""

from __future__ import annotations

import importlib
import inspect
import json
import os
import sys
import traceback
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from types import FunctionType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ptx_prefect.workers.supervisor import Work

OFFERED = ("workdir", "inputs", "section", "description", "files", "attempt", "beat")
"""What a function gets if its signature names it."""


class TargetError(Exception):
    """The function cannot be called at all; another attempt would not help."""

    permanent = True


def main(work: Work) -> int:
    """Entry of the child: the exit code is 0 where the function returned."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # text streams at start, always
    sys.path[:1] = work.payload["path"]  # The first is what the spawner was found by.
    sys.argv = [work.payload["target"]]
    said = said_by(lambda: call_of(work.payload, _beat), work.payload)
    if "reason" in said:
        sys.stderr.write(said.get("traceback", said["reason"]) + "\n")
    said.pop("traceback", None)
    work.result.write(json.dumps(said).encode())
    work.result.flush()
    return 0 if "value" in said else 1


def call_of(payload: Mapping[str, Any], beat: Callable[[str], None]) -> Any:
    """Call the target with its arguments and with what it asks for of :data:`OFFERED`."""
    function = _function(payload["target"])
    offered = {**{name: payload[name] for name in OFFERED if name != "beat"}, "beat": beat}
    offered["workdir"] = Path(payload["workdir"])
    args = dict(payload["args"])
    signature = _remembered(function) if isinstance(function, FunctionType) else _signature_of(function)
    if signature is None:
        return function(**args)
    takes = {
        name
        for name, parameter in signature.parameters.items()
        if parameter.kind in (parameter.KEYWORD_ONLY, parameter.POSITIONAL_OR_KEYWORD)
    }
    args = {**{name: value for name, value in offered.items() if name in takes}, **args}
    try:
        signature.bind(**args)
    except TypeError as error:
        raise TargetError(f"{payload['target']} {signature}: {error}; check args") from None
    return function(**args)


def said_by(call: Callable[[], Any], config: Mapping[str, Any]) -> dict[str, Any]:
    """What came of a call: ``value``; or ``reason``, ``kind``, ``permanent``; or ``retry_after_s``."""
    name = name_of(config)
    try:
        value = call()
        try:
            return {"value": json.loads(json.dumps(value, allow_nan=False))}
        except (TypeError, ValueError, RecursionError) as error:
            shown = f"{name} returned what JSON cannot say ({error}); return plain dicts, lists, texts, numbers"
            return {"reason": shown, "kind": "bad_result", "permanent": True}
    except TargetError as error:
        return {"reason": str(error), "kind": "bad_target", "permanent": True}
    except SystemExit as error:
        return {
            "reason": f"{name} ended its process: exit code {error.code!r}",
            "kind": "exit_code",
            "permanent": False,
        }
    except KeyboardInterrupt:
        return {"reason": f"{name} was interrupted", "kind": "interrupted", "permanent": False}
    except BaseException as error:
        if hasattr(error, "retry_after_s"):
            return {"retry_after_s": _seconds(error.retry_after_s)}
        reason = f"{name} raised {type(error).__name__}: {error}"
        is_permanent = bool(getattr(error, "permanent", False)) or isinstance(error, SyntaxError)
        text = "".join(traceback.format_exception(error))
        return {"reason": reason[:4000], "kind": "exception", "permanent": is_permanent, "traceback": text}


def name_of(config: Mapping[str, Any]) -> str:
    """The function as the section names it."""
    return str(config.get("target"))


def _function(target: str) -> Callable[..., Any]:
    module_name, _, path = target.partition(":")
    try:
        found: Any = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise TargetError(f"cannot import {module_name!r} for {target!r}: {error}; check target and workdir") from error
    for part in path.split("."):
        if not hasattr(found, part):
            raise TargetError(f"{module_name!r} has no {path!r}; check target {target!r}")
        found = getattr(found, part)
    if not callable(found):
        raise TargetError(f"{target!r} is a {type(found).__name__}, not a function")
    return found  # type: ignore[no-any-return]  # checked just above


def _signature_of(function: Callable[..., Any]) -> inspect.Signature | None:
    """None: some built-in functions have none."""
    try:
        return inspect.signature(function)
    except (TypeError, ValueError):
        return None


_remembered = lru_cache(maxsize=64)(_signature_of)  # Taking one costs more than a small call.


def _seconds(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _beat(text: str) -> None:
    with open(os.environ["PTX_BEAT_FILE"], "a", encoding="utf-8") as stream:  # noqa: PTH123 - often, and small
        stream.write(f"{text}\n")
