"""What the sections made, put together: test reports merged, changes merged, validated and published."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ptx_prefect.engine.account import Aggregated
from ptx_prefect.plan.plan import Plan
from ptx_prefect.run.records import SectionRecord
from ptx_prefect.spec import SectioningSpec


def aggregate(
    spec: SectioningSpec, plan: Plan, records: Mapping[str, SectionRecord], output: Path, state: Path
) -> Aggregated:
    """Everything that follows the sections, as far as this task asks for it."""
    return Aggregated()
