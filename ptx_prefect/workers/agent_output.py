"""What an agent printed, read for what it says it did and what that cost. Nothing here is evidence of its work."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any


@dataclass(frozen=True, slots=True)
class Told:
    """What an agent said. ``None``: it did not say. ``error`` is its own account of a failure."""

    summary: str = ""
    calls: int | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost_usd: float | None = None
    error: str = ""


def told_by(reader: str, output: str) -> Told:
    """The output of an agent, by the named reader; never raises, whatever was printed."""
    try:
        return READERS[reader](output)
    except (ValueError, TypeError, KeyError, AttributeError):
        return Told()


def is_rate_limit(text: str) -> bool:
    """Whether a failed agent's output says that its provider asked to wait."""
    return bool(_RATE_LIMIT.search(text))


_RATE_LIMIT = re.compile(
    r"\b(?:429|529)\b|rate[ _-]?limit|overloaded(?:_error)?|too many requests|RESOURCE_EXHAUSTED", re.IGNORECASE
)


def _objects(output: str) -> Iterator[Mapping[str, Any]]:
    """The JSON objects in an output that may have other lines between them."""
    decoder = json.JSONDecoder()
    for line in output.splitlines():
        if line.startswith("{"):
            try:
                value, _ = decoder.raw_decode(line)
            except ValueError:
                continue
            if isinstance(value, dict):
                yield value


def _claude(output: str) -> Told:
    found = [row for row in _objects(output) if row.get("type") == "result"]
    if not found:
        return Told()
    row = found[-1]
    usage = row.get("usage") or {}
    # What was read from or written to the provider's cache is billed too, at another price.
    kinds = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
    text = str(row.get("result") or "")
    return Told(
        summary="" if row.get("is_error") else text,
        calls=row.get("num_turns"),
        input_tokens=sum(int(usage.get(kind) or 0) for kind in kinds) if usage else None,
        output_tokens=usage.get("output_tokens"),
        cost_usd=row.get("total_cost_usd"),
        error=(text or str(row.get("subtype"))) if row.get("is_error") else "",
    )


def _codex(output: str) -> Told:
    rows = list(_objects(output))
    turns = [row["usage"] for row in rows if row.get("type") == "turn.completed" and row.get("usage")]
    items = [row["item"] for row in rows if row.get("type") == "item.completed" and isinstance(row.get("item"), dict)]
    said = [item.get("text", "") for item in items if item.get("type") == "agent_message"]
    failed = [row for row in rows if row.get("type") in ("turn.failed", "error")]
    error = failed[-1].get("error") if failed else None
    told = error.get("message", "") if isinstance(error, dict) else str(failed[-1].get("message", "")) if failed else ""
    return Told(
        summary=said[-1] if said else "",
        input_tokens=sum(turn.get("input_tokens", 0) for turn in turns) if turns else None,
        output_tokens=sum(turn.get("output_tokens", 0) for turn in turns) if turns else None,
        error=told,
    )


def _aider(output: str) -> Told:
    """Lines such as ``Tokens: 2.1k sent, 310 received. Cost: $0.01 message, $0.02 session.``"""
    rows = re.findall(r"^Tokens: ([\d.,]+k?) sent,.*?([\d.,]+k?) received", output, re.MULTILINE)
    costs = re.findall(r"Cost: \$([\d.]+) message, \$([\d.]+) session", output)
    return Told(
        calls=len(rows) or None,
        input_tokens=sum(_count(sent) for sent, _ in rows) if rows else None,
        output_tokens=sum(_count(received) for _, received in rows) if rows else None,
        cost_usd=float(costs[-1][1]) if costs else None,
    )


def _count(text: str) -> int:
    number = text.replace(",", "")
    return round(float(number[:-1]) * 1000) if number.endswith("k") else round(float(number))


def _gemini(output: str) -> Told:
    start = output.find("{")
    row, _ = json.JSONDecoder().raw_decode(output, max(start, 0))
    models = ((row.get("stats") or {}).get("models") or {}).values()
    tokens = [model.get("tokens") or {} for model in models]
    error = row.get("error") or {}
    return Told(
        summary=str(row.get("response") or ""),
        calls=sum((model.get("api") or {}).get("totalRequests", 0) for model in models) or None,
        input_tokens=sum(part.get("prompt", 0) for part in tokens) if tokens else None,
        output_tokens=sum(part.get("candidates", 0) + part.get("thoughts", 0) for part in tokens) if tokens else None,
        error=str(error.get("message", "")),
    )


def _opencode(output: str) -> Told:
    rows = list(_objects(output))
    parts = [row.get("part") or {} for row in rows if row.get("type") == "step_finish"]
    texts = [(row.get("part") or {}).get("text", "") for row in rows if row.get("type") == "text"]
    tokens = [part.get("tokens") or {} for part in parts]
    return Told(
        summary=texts[-1] if texts else "",
        calls=len(parts) or None,
        input_tokens=sum(part.get("input", 0) for part in tokens) if tokens else None,
        output_tokens=sum(part.get("output", 0) for part in tokens) if tokens else None,
        cost_usd=sum(part.get("cost", 0.0) for part in parts) if parts else None,
    )


READERS: Mapping[str, Callable[[str], Told]] = MappingProxyType(
    {
        "none": lambda output: Told(),
        "claude": _claude,
        "codex": _codex,
        "aider": _aider,
        "gemini": _gemini,
        "opencode": _opencode,
    }
)
