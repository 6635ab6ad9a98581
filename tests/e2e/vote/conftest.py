"""One sandbox for the votes of a module, and how they are held."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ptx_prefect.vote import Candidate, Decision, Sandbox, vote


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as one:
        yield one


def vote_on(sources: dict[str, str], sandbox: Sandbox, **more: object) -> Decision:
    field = [Candidate(name, source) for name, source in sources.items()]
    return vote(field, sandbox=sandbox, **more)  # type: ignore[arg-type]
