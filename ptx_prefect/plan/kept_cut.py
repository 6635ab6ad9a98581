"""How a suite was cut, kept while nothing that its tests depend on changes, so that a second run finds its sections.

What a run learns of durations would cut it anew each time, and no result of other shares can be reused.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

MOST_KEPT = 200
"""Cuts; those used longest ago go first."""

Selections = tuple[tuple[str, ...], ...]


class KeptCut:
    """The cut of one suite with one content for one number of workers.

    Args:
        content: identity of everything that the tests depend on; empty: not known, and nothing is kept.
        parts: what else decides the cut.
    """

    def __init__(self, state_dir: Path, content: str, *parts: object) -> None:
        key = hashlib.sha256(json.dumps([content, *parts]).encode()).hexdigest()[:32]
        self._path = state_dir / "cuts" / f"{key}.json" if content else None

    def read(self) -> Selections | None:
        """What each section selects, in order; None where none is kept."""
        try:
            data = json.loads(self._path.read_text(encoding="utf-8")) if self._path else None
            if data:
                self._path.touch()  # type: ignore[union-attr]  # there is data only where there is a path
            return tuple(tuple(map(str, row)) for row in data) if data else None
        except (OSError, ValueError, TypeError):
            return None

    def write(self, selections: Sequence[Sequence[str]]) -> None:
        """Keep it; where that fails the next run cuts anew."""
        if self._path is None:
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with tempfile.NamedTemporaryFile("w", dir=self._path.parent, delete=False, encoding="utf-8") as stream:
                json.dump([list(row) for row in selections], stream)
            Path(stream.name).replace(self._path)
            old = sorted(self._path.parent.glob("*.json"), key=lambda path: path.stat().st_mtime)[:-MOST_KEPT]
            for path in old:
                path.unlink(missing_ok=True)
        except OSError:
            return
