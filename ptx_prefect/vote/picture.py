"""Small pictures of a vote: bars of totals or times, or the Pareto plot of two criteria; as SVG and as text."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from xml.sax.saxutils import escape

_WIN, _REST, _INK = "#2b7a4b", "#8aa0b4", "#334155"
_SHADES = ("#2b7a4b", "#5b8db8", "#c98b2c", "#8d6cab", "#b0574f", "#5f9ea0", "#7a7a52")
_MAX_ROWS = 12
_LABEL_WIDTH = 110


def bars_svg(
    totals: Mapping[str, float],
    order: Sequence[str],
    *,
    out_of: float,
    title: str = "",
    label: Callable[[float], str] = "{:.4g}".format,
) -> str:
    """Horizontal bars, the winner's in colour; at most a dozen."""
    rows = [name for name in order if name in totals][:_MAX_ROWS]
    scale = 260 / out_of if out_of > 0 else 0
    parts = [f'<text x="8" y="16">{escape(title)}</text>'] if title else []
    for place, name in enumerate(rows):
        top = 8 + 24 * (place + bool(title))
        width = max(1.0, min(260.0, scale * totals[name]))
        parts.append(
            f'<text x="128" y="{top + 13}" text-anchor="end">{_label(name)}</text>'
            f'<rect x="134" y="{top}" width="{width:.1f}" height="16" rx="2" fill="{_REST if place else _WIN}"/>'
            f'<text x="{140 + width:.1f}" y="{top + 13}">{escape(label(totals[name]))}</text>'
        )
    return _svg(480, 16 + 24 * (len(rows) + bool(title)), parts)


def stacked_svg(rows: Mapping[str, Mapping[str, float]], order: Sequence[str], *, out_of: float) -> str:
    """Bars made of what each criterion adds to the total, with a legend; at most a dozen, each as long as its share."""
    names = [name for name in order if name in rows][:_MAX_ROWS]
    criteria = list(dict.fromkeys(key for name in names for key in rows[name]))
    shade = {key: _SHADES[place % len(_SHADES)] for place, key in enumerate(criteria)}
    parts = []
    for place, key in enumerate(criteria):
        x, y = 134 + 165 * (place % 2), 8 + 20 * (place // 2)
        parts.append(f'<rect x="{x}" y="{y}" width="12" height="12" fill="{shade[key]}"/>')
        parts.append(f'<text x="{x + 17}" y="{y + 11}">{_label(key)}</text>')
    below = 12 + 20 * ((len(criteria) + 1) // 2)
    for place, name in enumerate(names):
        top, left = below + 24 * place, 134.0
        bold = "" if place else ' font-weight="bold"'
        parts.append(f'<text x="128" y="{top + 13}" text-anchor="end"{bold}>{_label(name)}</text>')
        for key, value in rows[name].items():
            width = 260 * max(0.0, value) / out_of if out_of > 0 else 0.0
            parts.append(f'<rect x="{left:.1f}" y="{top}" width="{width:.1f}" height="16" fill="{shade[key]}"/>')
            left += width
        parts.append(f'<text x="{left + 6:.1f}" y="{top + 13}"{bold}>{sum(rows[name].values()):.4g}</text>')
    parts.append(f'<path d="M394 {below - 2}V{below + 24 * len(names)}" stroke="{_REST}" stroke-dasharray="3 3"/>')
    foot = below + 24 * len(names) + 13
    parts.append(f'<text x="394" y="{foot}" text-anchor="middle" fill="{_REST}">most possible: {out_of:.4g}</text>')
    return _svg(480, foot + 8, parts)


def pareto_svg(
    points: Mapping[str, tuple[float, float]], front: Sequence[str], winner: str | None, axes: tuple[str, str]
) -> str:
    """Candidates by two criteria (0 to 10 each), the front joined by a line, the winner in colour."""
    place = {name: (40 + 26 * x, 270 - 24 * y) for name, (x, y) in points.items()}
    line = sorted(place[name] for name in front if name in place)
    parts = [
        f'<path d="M40 24V270H310" fill="none" stroke="{_INK}"/>',
        f'<text x="175" y="300" text-anchor="middle">{_label(axes[0])}</text>',
        f'<text x="14" y="147" text-anchor="middle" transform="rotate(-90 14 147)">{_label(axes[1])}</text>',
        f'<polyline points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in line)}" fill="none" stroke="{_REST}"/>',
    ]
    parts += [f'<text x="{40 + 26 * n}" y="284" text-anchor="middle">{n}</text>' for n in (0, 5, 10)]
    parts += [f'<text x="34" y="{274 - 24 * n}" text-anchor="end">{n}</text>' for n in (0, 5, 10)]
    labels: list[tuple[float, float]] = []
    for name, (x, y) in sorted(place.items(), key=lambda row: row[1][1]):
        # Labels of candidates beside each other stand below each other.
        above = [height + 13 for left, height in labels if abs(left - x) < _LABEL_WIDTH]
        labels.append((x, max([y + 4, *above])))
        parts.append(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" fill="{_WIN if name == winner else _REST}"/>'
            f'<text x="{x + 8:.1f}" y="{labels[-1][1]:.1f}">{_label(name)}</text>'
        )
    return _svg(440, 308, parts)


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
