"""One error per stage; every message says what, where and what to do."""

from __future__ import annotations

from collections.abc import Mapping

MOST_SHOWN = 20
"""Mistakes that a message lists; `.mistakes` holds all of them."""


class PtxError(Exception):
    """Base of every error that this package raises on purpose."""


class SpecError(PtxError):
    """The task or the configuration is wrong. Carries every mistake at once, by place.

    Args:
        mistakes: place (as in ``components[2].depends_on``) to what is wrong and what to do.
        source: what was read, for the heading (a path, or ``"the task"``).
    """

    def __init__(self, mistakes: Mapping[str, str], source: str = "the task") -> None:
        self.mistakes = dict(mistakes)
        self.source = source
        super().__init__(self.mistakes, source)

    def __str__(self) -> str:
        count = len(self.mistakes)
        heading = f"{self.source}: {count} mistake{'s' if count != 1 else ''}"
        rows = [f"  {place}: {_shortened(text)}" for place, text in list(self.mistakes.items())[:MOST_SHOWN]]
        rows += [f"  ... and {count - MOST_SHOWN} more"] if count > MOST_SHOWN else []
        return "\n".join([heading, *rows])


def _shortened(text: str) -> str:
    """What somebody else's value brought along must not fill the screen."""
    return text if len(text) <= 600 else f"{text[:400]} ... {text[-100:]}"


class PlanError(PtxError):
    """No plan can be made: a cycle, an empty suite, two sections that claim the same file."""


class WorkerError(PtxError):
    """A worker could not do its section, and another attempt would not help."""


class TreeError(PtxError):
    """A tree, changeset or workspace cannot be read or made."""


class MergeError(PtxError):
    """A merge was asked for that makes no sense (not: a conflict, which is a result)."""


class VoteError(PtxError):
    """A vote was asked for that cannot be held."""


class RunError(PtxError):
    """A run ended without success, or cannot write what it must.

    Args:
        message: what, where and what to do.
        report: the report as plain JSON, where one was made (it is on disk by then).
    """

    def __init__(self, message: str, report: Mapping[str, object] | None = None) -> None:
        # Not among the arguments: Prefect logs those, and a report may be long.
        self.report = report
        super().__init__(message)

    def __reduce__(self) -> tuple[type[RunError], tuple[object, object]]:
        return RunError, (self.args[0], self.report)
