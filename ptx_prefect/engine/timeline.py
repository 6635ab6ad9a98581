"""Who worked when: a picture of the run, and the same in text. Both read the report's own timeline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from xml.sax.saxutils import escape

_COLOURS = {"success": "#2b7a4b", "reused": "#8aa0b4", "skipped": "#94a3b8", "cancelled": "#94a3b8"}
_BAD, _INK, _GRID = "#b3402a", "#334155", "#e2e8f0"
_WIDTH, _LEFT, _ROW = 760, 66, 24
MAX_ROWS = 40
MAX_BARS = 1000
Bar = Mapping[str, Any]


def timeline_svg(bars: Sequence[Bar]) -> str:
    """One row a worker, one bar a section, green where it was done; empty where nothing ran."""
    shown = [bar for bar in bars if (bar["worker"] or 0) < MAX_ROWS][:MAX_BARS]
    if not shown:
        return ""
    rows = 1 + max(bar["worker"] or 0 for bar in shown)
    end_s = max(bar["end_s"] for bar in shown) or 1.0
    scale = (_WIDTH - _LEFT - 16) / end_s
    height = rows * _ROW + 34
    parts = [*_axis(end_s, scale, rows * _ROW + 8)]
    for row in range(rows):
        parts.append(f'<text x="8" y="{row * _ROW + 24}">worker {row + 1}</text>')
    for bar in shown:
        x, width = _LEFT + bar["start_s"] * scale, max(2.0, (bar["end_s"] - bar["start_s"]) * scale - 1)
        y = (bar["worker"] or 0) * _ROW + 10
        told = f"{bar['section']}: {bar['end_s'] - bar['start_s']:.2f} s, {bar['status']}"
        colour = _COLOURS.get(bar["status"], _BAD)
        parts.append(
            f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="18" rx="2" fill="{colour}">'
            f"<title>{escape(told)}</title></rect>"
        )
        room = int((width - 6) / 6.6)
        if room >= 3:
            parts.append(
                f'<text x="{x + 4:.1f}" y="{y + 13}" fill="#fff">{escape(_short(bar["section"], room))}</text>'
            )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}" '
        f'font-family="sans-serif" font-size="12" fill="{_INK}">'
        f'<rect width="{_WIDTH}" height="{height}" fill="#fff"/>{"".join(parts)}</svg>'
    )


def timeline_text(bars: Sequence[Bar], *, width: int = 48) -> str:
    """The same for a reader without pictures: a line a section, in the order in which they began."""
    shown = list(bars)[:MAX_ROWS]
    if not shown:
        return ""
    end_s = max(bar["end_s"] for bar in bars) or 1.0
    longest = max(len(_short(bar["section"], 28)) for bar in shown)
    lines = []
    for bar in shown:
        first = min(width - 1, int(bar["start_s"] / end_s * width))
        last = max(first + 1, min(width, round(bar["end_s"] / end_s * width)))
        drawn = " " * first + ("=" if bar["status"] == "success" else "x") * (last - first)
        seconds = f"{bar['end_s'] - bar['start_s']:.1f} s"
        lines.append(
            f"{_short(bar['section'], 28):<{longest}} {(bar['worker'] or 0) + 1:>2} |{drawn:<{width}}| {seconds}"
        )
    if len(bars) > len(shown):
        lines.append(f"… and {len(bars) - len(shown)} more")
    return "\n".join(lines)


def _axis(end_s: float, scale: float, bottom: int) -> list[str]:
    step = next(size for size in _steps() if end_s / size <= 8)
    count = int(end_s / step)
    parts = []
    for number in range(count + 1):
        x = _LEFT + number * step * scale
        parts.append(
            f'<path d="M{x:.1f} 4V{bottom}" stroke="{_GRID}"/>'
            f'<text x="{x:.1f}" y="{bottom + 15}" text-anchor="middle">{number * step:g} s</text>'
        )
    return parts


def _steps() -> Sequence[float]:
    return [digit * 10.0**power for power in range(-3, 8) for digit in (1, 2, 5)]


def _short(text: str, room: int) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= room else flat[: room - 1] + "…"
