"""A program that is fast and wrong never wins."""

from __future__ import annotations

from benchmarks.rivals import planted_wins
from ptx_prefect.vote import Sandbox


def test_a_planted_program_never_wins() -> None:
    """Constants, tables of the visible answers, remembered answers and deaths, each in a field of honest programs."""
    with Sandbox() as sandbox:
        won = [seed for seed in range(1000, 1020) if planted_wins(seed, sandbox)]

    assert not won
