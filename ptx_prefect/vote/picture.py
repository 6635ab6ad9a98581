"""Small pictures of a vote: bars of the totals, or the Pareto plot of two criteria; as SVG and as text."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape

_WIN, _REST, _INK = "#2b7a4b", "#8aa0b4", "#334155"
_MAX_ROWS = 12


def bars_svg(totals: Mapping[str, float], order: Sequence[str], *, out_of: float, unit: str = "") -> str:
    """Horizontal bars, the winner's in colour; at most a dozen."""
    rows = [name for name in order if name in totals][:_MAX_ROWS]
    scale = 260 / out_of if out_of > 0 else 0
    parts = []
    for place, name in enumerate(rows):
        top = 8 + 24 * place
        width = max(1.0, min(260.0, scale * totals[name]))
        parts.append(
            f'<text x="128" y="{top + 13}" text-anchor="end">{_label(name)}</text>'
            f'<rect x="134" y="{top}" width="{width:.1f}" height="16" rx="2" fill="{_REST if place else _WIN}"/>'
            f'<text x="{140 + width:.1f}" y="{top + 13}">{totals[name]:.4g}{escape(unit)}</text>'
        )
    return _svg(460, 16 + 24 * len(rows), parts)


def pareto_svg(
    points: Mapping[str, tuple[float, float]], front: Sequence[str], winner: str | None, axes: tuple[str, str]
) -> str:
    """Candidates by two criteria (0 to 10 each), the front joined by a line, the winner in colour."""
    place = {name: (40 + 26 * x, 270 - 24 * y) for name, (x, y) in points.items()}
    line = sorted(place[name] for name in front if name in place)
    parts = [
        f'<path d="M40 24V270H310" fill="none" stroke="{_INK}"/>',
        f'<text x="175" y="288" text-anchor="middle">{_label(axes[0])}</text>',
        f'<text x="14" y="147" text-anchor="middle" transform="rotate(-90 14 147)">{_label(axes[1])}</text>',
        f'<polyline points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in line)}" fill="none" stroke="{_REST}"/>',
    ]
    for name, (x, y) in place.items():
        parts.append(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" fill="{_WIN if name == winner else _REST}"/>'
            f'<text x="{x + 8:.1f}" y="{y + 4:.1f}">{_label(name)}</text>'
        )
    return _svg(440, 296, parts)


def bars_text(totals: Mapping[str, float], order: Sequence[str], *, out_of: float, width: int = 30) -> str:
    """The bars for a reader without pictures."""
    rows = [name for name in order if name in totals][:_MAX_ROWS]
    longest = max((len(name) for name in rows), default=0)
    scale = width / out_of if out_of > 0 else 0
    return "\n".join(
        f"{name:<{longest}}  {'█' * max(0, min(width, round(scale * totals[name]))):<{width}}  {totals[name]:.4g}"
        for name in rows
    )


def data_uri(svg: str) -> str:
    """The picture as a link target that needs no file and no network."""
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode("ascii")


def _label(text: str) -> str:
    return escape(text if len(text) <= 18 else text[:17] + "…")


def _svg(width: int, height: int, parts: Sequence[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'font-family="sans-serif" font-size="12" fill="{_INK}">'
        f'<rect width="{width}" height="{height}" fill="#fff"/>{"".join(parts)}</svg>'
    )
