"""A plan as a graph for Mermaid and Graphviz, and as one SVG of graph and predicted timeline."""

from __future__ import annotations

from html import escape

from ptx_prefect.plan.plan import Plan
from ptx_prefect.plan.show import one_line
from ptx_prefect.run.simulate import simulate

_MAX_DRAWN = 200
_BOX_W, _BOX_H, _GAP_X, _GAP_Y = 150, 26, 46, 12
_CHARACTER_W = 6.5
_COLOURS = (
    "#4c78a8",
    "#f58518",
    "#54a24b",
    "#b279a2",
    "#e45756",
    "#72b7b2",
    "#eeca3b",
    "#9d755d",
    "#bab0ac",
    "#ff9da6",
)


def plan_mermaid(plan: Plan) -> str:
    """A flowchart; the critical path is drawn thick."""
    ids = {section.name: f"s{index}" for index, section in enumerate(plan.sections)}
    lines = ["flowchart LR"]
    for section in plan.sections:
        text = escape(one_line(section.name), quote=False).replace('"', "&quot;").replace("#", "&num;")
        lines.append(f'  {ids[section.name]}["{text}<br/>{section.estimate_s:.1f} s"]')
    lines += [f"  {ids[other]} --> {ids[section.name]}" for section in plan.sections for other in section.depends_on]
    if plan.critical_path:
        lines.append(f"  class {','.join(ids[name] for name in plan.critical_path)} critical")
        lines.append("  classDef critical stroke-width:3px")
    return "\n".join(lines)


def plan_dot(plan: Plan) -> str:
    """A digraph; edges carry their reasons as tooltips."""
    reasons = {(edge.source, edge.target): edge.reason for edge in plan.edges}
    critical = set(plan.critical_path)
    lines = ["digraph plan {", "  rankdir=LR; node [shape=box];"]
    for section in plan.sections:
        width = "3" if section.name in critical else "1"
        lines.append(f"  {_quoted(section.name)} [penwidth={width}, tooltip={_quoted(f'{section.estimate_s:.1f} s')}];")
    for section in plan.sections:
        for other in section.depends_on:
            told = _quoted(reasons.get((other, section.name), ""))
            lines.append(f"  {_quoted(other)} -> {_quoted(section.name)} [tooltip={told}];")
    return "\n".join([*lines, "}"])


def plan_svg(plan: Plan) -> str:
    """The graph by waves, left to right, and below it who would work when. Draws the first 200 sections."""
    drawn = {section.name for section in plan.sections[:_MAX_DRAWN]}
    graph, width, height = _graph(plan, drawn)
    timeline, timeline_height = _timeline(plan, drawn, top=height + 40, width=max(width, 640))
    total_w, total_h = max(width, 640) + 20, height + 40 + timeline_height + 20
    title = (
        f"{plan.task_id}: predicted {plan.predicted_makespan_s:.1f} s on {plan.workers} workers,"
        f" bound {plan.bound_s:.1f} s, sequential {plan.sequential_s:.1f} s"
    )
    if len(plan.sections) > _MAX_DRAWN:
        title += f"; the first {_MAX_DRAWN} of {len(plan.sections)} sections"
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {total_w} {total_h}" width="{total_w}"'
            ' font-family="sans-serif" font-size="11">',
            f'<rect width="{total_w}" height="{total_h}" fill="white"/>',
            f'<text x="10" y="18" font-size="13">{escape(title)}</text>',
            *graph,
            *timeline,
            "</svg>",
        ]
    )


def _graph(plan: Plan, drawn: set[str]) -> tuple[list[str], int, int]:
    places: dict[str, tuple[int, int]] = {}
    for column, wave in enumerate(plan.waves):
        for row, name in enumerate(name for name in wave if name in drawn):
            places[name] = (10 + column * (_BOX_W + _GAP_X), 34 + row * (_BOX_H + _GAP_Y))
    critical = set(plan.critical_path)
    lines = []
    for section in plan.sections:
        for other in section.depends_on:
            if section.name in places and other in places:
                x1, y1 = places[other][0] + _BOX_W, places[other][1] + _BOX_H // 2
                x2, y2 = places[section.name][0], places[section.name][1] + _BOX_H // 2
                bold = 2 if {other, section.name} <= critical else 1
                lines.append(
                    f'<path d="M{x1},{y1} C{x1 + 20},{y1} {x2 - 20},{y2} {x2},{y2}" fill="none" stroke="#888"'
                    f' stroke-width="{bold}"/>'
                )
    for name, (x, y) in places.items():
        stroke = 2.5 if name in critical else 1
        lines.append(
            f'<rect x="{x}" y="{y}" width="{_BOX_W}" height="{_BOX_H}" rx="4" fill="#f4f6fa" stroke="#345"'
            f' stroke-width="{stroke}"/><text x="{x + 6}" y="{y + 17}">{escape(_short(name))}</text>'
        )
    width = max((x for x, _ in places.values()), default=0) + _BOX_W
    height = max((y for _, y in places.values()), default=34) + _BOX_H
    return lines, width, height


def _timeline(plan: Plan, drawn: set[str], *, top: int, width: int) -> tuple[list[str], int]:
    seconds = {section.name: section.estimate_s for section in plan.sections}
    found = simulate(plan.after, seconds, workers=plan.workers)
    scale = (width - 90) / max(found.makespan_s, 1e-9)
    lines = [f'<text x="10" y="{top - 6}">predicted timeline, one row a worker</text>']
    for index, (name, start, end, worker) in enumerate(found.spans):
        if name not in drawn:
            continue
        x, y, w = 80 + start * scale, top + worker * 22, max(1.0, (end - start) * scale - 1)
        label = escape(_short(name, int(w / _CHARACTER_W))) if w > 60 else ""
        lines.append(
            f'<rect x="{x:.1f}" y="{y}" width="{w:.1f}" height="18" fill="{_COLOURS[index % len(_COLOURS)]}">'
            f"<title>{escape(name)}: {end - start:.1f} s</title></rect>"
            f'<text x="{x + 3:.1f}" y="{y + 13}" fill="white">{label}</text>'
        )
    for worker in range(plan.workers):
        lines.append(f'<text x="10" y="{top + worker * 22 + 13}">worker {worker + 1}</text>')
    return lines, plan.workers * 22


def _short(name: str, most: int = 22) -> str:
    return name if len(name) <= min(most, 22) else name[: min(most, 22) - 1] + "…"


def _quoted(text: str) -> str:
    return '"' + one_line(text).replace("\\", "\\\\").replace('"', '\\"') + '"'
