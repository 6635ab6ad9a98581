"""Coverage of many sections put together: what cannot be combined says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from ptx_prefect.errors import MergeError
from ptx_prefect.merge.test_reports import CoverageTotals, combine_coverage, merge_junit

pytest.importorskip("coverage", reason="needs the extra `pytest`")


def test_no_data_is_a_mistake_that_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(MergeError, match="did the sections run with coverage"):
        combine_coverage([], tmp_path / "all")


@pytest.mark.parametrize("content", [None, b"", b"no database"])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, content: bytes | None) -> None:
    broken = tmp_path / "broken.data"
    if content is not None:
        broken.write_bytes(content)

    with pytest.raises(MergeError, match=r"broken\.data"):
        combine_coverage([broken], tmp_path / "all")
    with pytest.raises(MergeError, match=r"broken\.data"):
        merge_junit([broken], tmp_path / "all.xml")


def test_branches_are_told_only_where_they_were_measured() -> None:
    lines = CoverageTotals(
        percent=50.001, lines_covered=1, lines_total=2, branches_covered=0, branches_total=0, files=1
    )
    both = CoverageTotals(percent=50.0, lines_covered=1, lines_total=2, branches_covered=3, branches_total=4, files=1)

    assert lines.as_json() == {"coverage_percent": 50.0, "lines_covered": 1, "lines_total": 2}
    assert both.as_json()["branches_total"] == 4
