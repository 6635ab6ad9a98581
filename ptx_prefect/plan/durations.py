"""What earlier runs took: remembered by identity, not by content, in the state directory."""

from __future__ import annotations

import sqlite3
import statistics
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

KEPT = 9
"""Observations kept of each identity: enough for a robust median, few enough to follow a change."""

_SCHEMA = "CREATE TABLE IF NOT EXISTS durations (scope TEXT, identity TEXT, seconds REAL, at INTEGER)"
_INDEX = "CREATE INDEX IF NOT EXISTS by_identity ON durations (scope, identity)"


@dataclass(frozen=True, slots=True)
class Learned:
    """What is known of one identity, in seconds: the median, which no outlier moves, and the longest kept."""

    median_s: float
    longest_s: float


class Durations:
    """History of seconds by (scope, identity). A scope is a suite or a kind of section.

    Every method is safe while other runs use the same directory. A history that cannot be read counts as empty:
    it only makes estimates worse.
    """

    def __init__(self, state_dir: Path) -> None:
        self._path = state_dir / "durations.sqlite"

    def record(self, scope: str, seconds: Mapping[str, float]) -> None:
        """Remember what one run took. Units: seconds."""
        if not seconds:
            return
        try:
            with closing(self._connect()) as database, database:
                (last,) = database.execute("SELECT coalesce(max(at), 0) FROM durations").fetchone()
                rows = [(scope, identity, value, last + 1) for identity, value in seconds.items()]
                database.executemany("INSERT INTO durations VALUES (?, ?, ?, ?)", rows)
                self._prune(database, scope)
        except sqlite3.DatabaseError:
            self._path.unlink(missing_ok=True)
        except OSError:
            return

    def estimates(self, scope: str) -> dict[str, float]:
        """Median seconds of each identity seen before."""
        return {identity: one.median_s for identity, one in self.learned(scope).items()}

    def learned(self, scope: str) -> dict[str, Learned]:
        """What is known of each identity seen before."""
        try:
            with closing(self._connect()) as database:
                rows = database.execute("SELECT identity, seconds FROM durations WHERE scope = ?", (scope,)).fetchall()
        except (sqlite3.DatabaseError, OSError):
            return {}
        seen: dict[str, list[float]] = {}
        for identity, value in rows:
            seen.setdefault(identity, []).append(value)
        return {identity: Learned(statistics.median(values), max(values)) for identity, values in seen.items()}

    def _connect(self) -> sqlite3.Connection:
        database = sqlite3.connect(self._path, timeout=10)
        database.execute(_SCHEMA)
        database.execute(_INDEX)
        return database

    @staticmethod
    def _prune(database: sqlite3.Connection, scope: str) -> None:
        # `at` counts recordings; a scope that is recorded each time keeps its last ones.
        database.execute(
            "DELETE FROM durations WHERE scope = ? AND rowid NOT IN (SELECT rowid FROM ("
            " SELECT rowid, row_number() OVER (PARTITION BY identity ORDER BY at DESC) AS place"
            " FROM durations WHERE scope = ?) WHERE place <= ?)",
            (scope, scope, KEPT),
        )
