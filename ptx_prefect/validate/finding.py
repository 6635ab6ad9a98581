"""One thing wrong with a merged tree."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong at a line (0: the whole file); ``blames`` are the paths whose change can be the reason."""

    path: str
    line: int
    text: str
    blames: tuple[str, ...] = ()

    @property
    def places(self) -> tuple[str, ...]:
        """The paths where the reason can lie, the likeliest last."""
        return self.blames or (self.path,)

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.text}" if self.line else f"{self.path}: {self.text}"
