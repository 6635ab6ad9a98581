"""Twenty files of networkx whose references were checked by hand against their source."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import networkx
import pytest

from ptx_prefect.plan.by_module import sections_by_module
from ptx_prefect.plan.references import References, read_references

CASE = json.loads((Path(__file__).parents[2] / "cases/references/networkx.json").read_text())
ROOT = Path(networkx.__file__).parent


@pytest.fixture(scope="module")
def references() -> References:
    return read_references(ROOT)


@pytest.mark.parametrize("path", CASE["files"])
def test_references_of_a_real_file(references: References, path: str) -> None:
    if hashlib.sha256((ROOT / path).read_bytes()).hexdigest() != CASE["sha256"][path]:
        pytest.skip(f"is not the file of networkx {CASE['version']}, whose lines were checked")
    found = {f"{edge.line} {edge.kind} {edge.source or '-'} -> {edge.target}" for edge in references.edges_of(path)}

    assert found == set(CASE["files"][path])


def test_a_real_package_is_cut_better_than_by_folder(references: References) -> None:
    cut = sections_by_module(references)

    assert len(cut.sections) <= 5
    assert len(cut.cut) < cut.cut_alphabetically
    assert all(section.why for section in cut.sections)
