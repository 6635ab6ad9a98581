"""What may not be imported before it is needed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SPEC = Path(__file__).parents[1] / "cases" / "wheel" / "spec.json"


@pytest.mark.parametrize(
    ("statement", "absent"),
    [
        ("import ptx_prefect", {"prefect", "networkx", "libcst", "pydantic", "rich"}),
        ("import ptx_prefect.cli", {"prefect", "networkx", "libcst", "pydantic", "rich", "click"}),
        ("import ptx_prefect.merge.driver", {"prefect", "networkx"}),
        ("import ptx_prefect.vote", {"prefect"}),
        ("import ptx_prefect.plan.make", {"prefect", "networkx", "ptx_prefect.plan.references"}),
        ("from ptx_prefect.cli import main; main(['plan', '--check', 'SPEC'])", {"prefect", "networkx", "rich"}),
    ],
)
def test_importing_stays_light(statement: str, absent: set[str]) -> None:
    statement = statement.replace("SPEC", str(SPEC))
    code = f"import sys; {statement}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert not absent & set(done.stdout.split())
