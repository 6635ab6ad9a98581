"""The decision documentation as a markdown page, for people: the text of the artifact ``vote-rationale``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ptx_prefect.vote.picture import bars_svg, bars_text, data_uri, pareto_svg, stacked_svg
from ptx_prefect.vote.rationale import figure_text

ARTIFACT_KEY = "vote-rationale"
_MAX_CELL = 120


def rationale_page(rationale: Mapping[str, Any], *, picture: str | None = None) -> str:
    """Markdown of what :func:`~ptx_prefect.vote.rationale.rationale_of` gives.

    Args:
        picture: where the picture lies; default: it is in the page itself; empty: none, as for a terminal.
    """
    parts = [
        f"# Vote: {_cell(rationale['winner'] or 'no winner')}",
        _cell(rationale["task"], limit=400),
        f"**{_cell(rationale['reason'], limit=600)}**",
        _list("Warnings", rationale["warnings"]),
        _scores(rationale),
        _picture(rationale, picture),
        _list("Trade-offs", rationale["trade_offs"]),
        _list("Evidence", _evidence(rationale)),
        _list("Without a candidate", [f"{row['voter']}: {row['reason']}" for row in rationale["dropped_voters"]]),
        _judges(rationale),
        _list("Judgements that do not count", rationale["rejected_judgements"]),
        _gate(rationale["gate"]),
        _timings(rationale["timings"]),
        _weights(rationale),
        _list("Synthesis of the best parts", _hybrid(rationale["hybrid"])),
        _list("Written synthesis", _hybrid(rationale["written_synthesis"])),
        _list("Not measured", [f"{name}: {why}" for name, why in rationale["not_measured"].items()]),
        _list("Sandbox", rationale["sandbox"]),
        _list("Notes", [note for note in rationale["notes"] if note not in rationale["warnings"]]),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _scores(rationale: Mapping[str, Any]) -> str:
    criteria, totals = rationale["criteria"], rationale["totals"]
    cells = {(row["candidate"], row["criterion"]): row for row in rationale["scores"]}
    if not cells and not totals:
        return ""
    rows = [
        [
            str(place),
            _cell(name),
            *(_score(cells.get((name, criterion))) for criterion in criteria),
            f"**{totals[name]:.4g}**" if name in totals else "",
        ]
        for place, name in enumerate(rationale["ranking"], 1)
    ]
    return _table(["", "candidate", *criteria, "total"], rows)


def _score(row: Mapping[str, Any] | None) -> str:
    if row is None:
        return "–"
    raw = "" if row["raw"] is None else f" ({figure_text(row['raw'], row['unit'])})"
    mark = "" if row["source"] == "measured" else f" ({row['source']})"
    return f"{row['value']:.3g}{raw}{mark}"


def rationale_picture(rationale: Mapping[str, Any]) -> str | None:
    """The decision as a small SVG: totals by criterion, the Pareto plot, or times; None where nothing was measured."""
    totals, order, criteria = rationale["totals"], rationale["ranking"], rationale["criteria"]
    cells: dict[str, dict[str, float]] = {}
    for row in rationale["scores"]:
        cells.setdefault(row["candidate"], {})[row["criterion"]] = row["value"]
    if rationale["pareto_front"] and len(criteria) >= 2:
        pairs = {name: (row[criteria[0]], row[criteria[1]]) for name, row in cells.items() if len(row) > 1}
        return pareto_svg(pairs, rationale["pareto_front"], rationale["winner"], (criteria[0], criteria[1]))
    if len(totals) > 1 and rationale["aggregation"] == "weighted_score":
        factor = {key: share * len(rationale["weights"]) for key, share in rationale["weights"].items()}
        rows = {name: {key: value * factor.get(key, 0.0) for key, value in row.items()} for name, row in cells.items()}
        return stacked_svg(rows, order, out_of=10.0 * len(factor))
    if len(totals) > 1:
        return bars_svg(totals, order, out_of=max(totals.values()) or 1.0)
    seconds = _seconds(rationale)
    if len(seconds) < 2:
        return None
    longest = max(seconds.values())
    title = "CPU time of one pass, shorter is better"
    return bars_svg(seconds, order, out_of=longest, title=title, label=lambda value: figure_text(value, "s"))


def _picture(rationale: Mapping[str, Any], place: str | None) -> str:
    svg = rationale_picture(rationale)
    if svg is None:
        return ""
    totals, order = rationale["totals"], rationale["ranking"]
    link = "" if place == "" else f"![the decision as a picture]({place or data_uri(svg)})"
    if len(totals) < 2:
        return link
    fence = bars_text(totals, order, out_of=max(totals.values()) or 1.0).replace("`", "'")
    return f"{link}\n\n```text\n{fence}\n```".lstrip()


def _seconds(rationale: Mapping[str, Any]) -> dict[str, float]:
    rows = rationale["timings"].get("rows", ())
    return {row["candidate"]: row["thread_s"] for row in rows if not row["capped"]}


def _evidence(rationale: Mapping[str, Any]) -> list[str]:
    told = []
    for place, group in enumerate(rationale["behaviour_groups"]):
        what = "winning behaviour" if place == 0 else "other behaviour"
        told.append(f"{what}: {', '.join(group['candidates'])} (support {group['support']:.0%})")
    confidence = rationale["confidence"]
    if confidence["estimate"] is not None:
        told.append(
            f"{confidence['agreement_share']:.0%} of the voters behave like the winner; estimated chance that it is "
            f"right: {confidence['estimate']:.0%} ({confidence['basis']})"
        )
    elif confidence["agreement_share"] is not None:
        told.append(
            f"{confidence['agreement_share']:.0%} of the voters behave like the winner; no chance that it is right can "
            f"be estimated: {confidence['basis']}"
        )
    second = rationale["runner_up"]
    if second:
        told.append(f"runner-up: {second['name']}{_margin(second)}{_difference(second.get('first_difference'))}")
    if rationale["tied_with_winner"]:
        told.append(f"a tie within what can be measured: {', '.join(rationale['tied_with_winner'])}")
    if rationale["pareto_front"]:
        told.append(f"Pareto front: {', '.join(rationale['pareto_front'])}")
    return told


def _margin(second: Mapping[str, Any]) -> str:
    return f", behind by {second['behind_by']:.3g}" if "behind_by" in second else ""


def _difference(first: Mapping[str, Any] | None) -> str:
    if first is None:
        return ""
    return (
        f"; first input on which it differs: {_code(first['call'])} gives {_code(first['winner_gave'])}, "
        f"{first['runner_up']} gives {_code(first['runner_up_gave'])}"
    )


def _judges(rationale: Mapping[str, Any]) -> str:
    """What each judge gave, and the ballots where the rule counted ballots."""
    rows = [
        [_cell(one["judge"]), _cell(one["candidate"]), _cell(one["criterion"]), f"{one['score']:.3g}"]
        for one in rationale["judgements"]
    ]
    parts = [_table(["judge", "candidate", "criterion", "score"], rows)] if rows else []
    ballots = [[_cell(judge), _cell(_ballot(ballot))] for judge, ballot in rationale["ballots"].items()]
    if ballots:
        best_first = "approves of" if rationale["aggregation"] == "approval" else "best first"
        parts.append(_table(["ballot", best_first], ballots))
    return "\n\n".join(["## Judges and ballots", *parts]) if parts else ""


def _ballot(groups: Sequence[Sequence[str]]) -> str:
    return " > ".join(" = ".join(group) for group in groups if group) or "nobody"


def _gate(rows: Sequence[Mapping[str, Any]]) -> str:
    if not rows:
        return ""
    body = [
        [
            _cell(row["candidate"]),
            "yes" if row["loads"] else "no",
            f"{row['passed']}/{row['tests']}" if row["tests"] else "–",
            "kept" if row["kept"] else "**out**",
            _cell(row["problem"]),
        ]
        for row in rows
    ]
    return "## Gate\n\n" + _table(["candidate", "loads", "tests passed", "", "why"], body)


def _timings(timings: Mapping[str, Any]) -> str:
    if not timings:
        return ""
    body = [
        [
            _cell(row["candidate"]),
            _cell(row["problem"] or "over the limit") if row["capped"] else figure_text(row["thread_s"], "s"),
            "" if row["capped"] else figure_text(row["wall_s"], "s"),
            str(row["repetitions"]),
            str(row["loops"]),
            f"{row['peak_mb']:.4g} MB",
        ]
        for row in timings["rows"]
    ]
    load = timings["load_per_cpu"]
    told = timings["protocol"] + (f" Load per processor: {load:.2f}." if load is not None else "")
    return (
        "## Timings\n\n"
        + _table(["candidate", "CPU time", "wall time", "repetitions", "passes in each", "peak memory"], body)
        + f"\n\n{told}"
    )


def _weights(rationale: Mapping[str, Any]) -> str:
    if not rationale["holds_for_weights"]:
        return ""
    if all((low, high) == (0, 1) for low, high in rationale["holds_for_weights"].values()):
        return "## For which weights the winner holds\n\nFor any: it would win with every other weighting too."
    body = [
        [_cell(name), f"{rationale['weights'].get(name, 0):.0%}", f"{low:.0%} to {high:.0%}"]
        for name, (low, high) in rationale["holds_for_weights"].items()
    ]
    return "## For which weights the winner holds\n\n" + _table(
        ["criterion", "its share of the weight", "the winner holds from"], body
    )


def _hybrid(hybrid: Mapping[str, Any]) -> list[str]:
    told = [str(hybrid["outcome"])] if hybrid.get("outcome") else []
    return told + [f"{part} from {donor}" for part, donor in (hybrid.get("taken") or {}).items()]


def _list(heading: str, items: Iterable[object]) -> str:
    lines = [f"- {_cell(item, limit=600)}" for item in items]
    return f"## {heading}\n\n" + "\n".join(lines) if lines else ""


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [" | ".join(heads), " | ".join("---" for _ in heads), *(" | ".join(row) for row in rows)]
    return "\n".join(f"| {line} |" for line in lines)


def _cell(value: object, *, limit: int = _MAX_CELL) -> str:
    """One line that cannot break the page: candidates choose their own names and messages."""
    text = " ".join(str(value).split())
    text = text if len(text) <= limit else text[: limit - 1] + "…"
    return text.replace("&", "&amp;").replace("<", "&lt;").replace("|", "\\|").replace("](", "]\\(")


def _code(value: object) -> str:
    text = _cell(value).replace("`", "'")
    return f"`{text}`"
