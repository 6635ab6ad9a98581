"""What came back from a candidate's process, read as values and never believed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from ptx_prefect.vote.inside.wire import Drained, Opaque, decode, key_of, plain_text, shown
from ptx_prefect.vote.values import Output

LOST = Output("lost", "process died")
TIMEOUT = Output("timeout", "cpu")
_CPU_SIGNALS = (9, 24)


def given_up(outputs: list[Output]) -> Output:
    """What the calls after the last one count as, when no more are made."""
    return TIMEOUT if any(output.kind == "timeout" for output in outputs) else LOST


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back from one process: its frames, and how it ended as its keeper saw it."""

    frames: tuple[list[Any], ...]
    killed: str
    signal: int
    cpu_s: float
    peak_kb: int
    intact: bool

    @property
    def finished(self) -> bool:
        """Whether it came to its own end, with every frame in order."""
        return self.intact and not self.signal and not self.killed

    @property
    def out_of_time(self) -> bool:
        """Whether the kernel's CPU limit, the wall clock, or a call that did not heed its end ended it."""
        return self.killed in ("wall", "time") or self.signal in _CPU_SIGNALS

    @property
    def problem(self) -> str | None:
        """Why the program did not load; None where it did."""
        first = self.frames[0] if self.frames else ["broken", self._end()]
        return None if first[0] == "loaded" else plain_text(str(first[-1])[:300])

    @property
    def missing(self) -> tuple[str, ...]:
        """Imports of the prelude that failed."""
        first = self.frames[0] if self.frames else ["broken"]
        return tuple(plain_text(str(one)[:300]) for one in first[1:]) if first[0] == "loaded" else ()

    @property
    def outputs(self) -> list[Output]:
        """What the calls gave that were made."""
        return [_output(*frame[1:]) for frame in self.frames[1:]]

    def is_in_order(self, start: int) -> bool:
        """Whether the answers are numbered as asked; a candidate that writes its own frames gets out of step."""
        return all(
            len(frame) in (3, 4) and type(frame[0]) is int and frame[0] == start + place
            for place, frame in enumerate(self.frames[1:])
        )

    def _end(self) -> str:
        if self.out_of_time:
            return "did not finish loading in time"
        return f"its process died (signal {self.signal})" if self.signal else "its process ended before it was loaded"


@dataclass(frozen=True, slots=True)
class Observed:
    """What one candidate did.

    Attributes:
        loads: whether its source ran to the end and defines the entry point; else ``problem`` says why.
        outputs: one for each call.
        missing: imports of the prelude that failed before it was loaded.
    """

    loads: bool
    outputs: tuple[Output, ...]
    problem: str = ""
    cpu_s: float = 0.0
    missing: tuple[str, ...] = ()


def frames_in(data: bytes) -> tuple[tuple[list[Any], ...], bool]:
    """The frames up to the first thing that is none, and whether all were."""
    frames: list[list[Any]] = []
    # What follows the last line end was cut off by the end of the process.
    for line in data[: data.rfind(b"\n") + 1].split(b"\n")[:-1]:
        try:
            frame = json.loads(line)
        except (ValueError, RecursionError):
            return tuple(frames), False
        if not isinstance(frame, list) or not frame:
            return tuple(frames), False
        frames.append(frame)
    return tuple(frames), True


def _output(kind: object, payload: Any, effect: object = "") -> Output:
    if kind == "value" and payload is None and effect:
        return _effect(effect)
    if kind == "value":
        try:
            value = decode(payload)
            return Output(
                "value", key_of(payload), value, not isinstance(value, Opaque | Drained), shown=_readable(value)
            )
        except (ValueError, RecursionError, KeyError, IndexError, TypeError):
            return Output("error", "not a value")
    if kind in ("error", "timeout"):
        return Output("error" if kind == "error" else "timeout", plain_text(str(payload)[:80]))
    return Output("error", "not a value")


def _effect(after: object) -> Output:
    """A call that gave None and changed its arguments: positional and named ones as they were after it."""
    try:
        value: Any = decode(after)
        places, names = value
        text = ", ".join([*map(shown, places), *(f"{name}={shown(one)}" for name, one in names.items())])
        return Output("value", "None", None, True, key_of(after), shown=plain_text(text))
    except (ValueError, RecursionError, KeyError, IndexError, TypeError, AttributeError):
        return Output("error", "not a value")


def _readable(value: object) -> str:
    return plain_text(shown(value, 200))
