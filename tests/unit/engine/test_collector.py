"""The collector's settings come back when the last run of a process ends."""

from __future__ import annotations

import gc

import pytest

from ptx_prefect.engine.collector import THRESHOLDS, collecting_rarely


def test_runs_side_by_side_leave_the_collector_as_it_was() -> None:
    before, frozen = gc.get_threshold(), gc.get_freeze_count()
    first, second = collecting_rarely(), collecting_rarely()

    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)

    assert gc.get_threshold() == THRESHOLDS and gc.get_freeze_count() > frozen
    second.__exit__(None, None, None)
    assert gc.get_threshold() == before and gc.get_freeze_count() == 0


def test_a_run_that_fails_leaves_the_collector_as_it_was() -> None:
    before = gc.get_threshold()

    with pytest.raises(ValueError, match="no"), collecting_rarely():
        raise ValueError("no")

    assert gc.get_threshold() == before
