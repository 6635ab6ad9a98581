"""What must not be written down is not, however it is cut into pieces."""

from __future__ import annotations

from itertools import combinations, pairwise
from pathlib import Path

import pytest

from ptx_prefect.workers.output_log import OutputLog

HIDDEN = {"s3cret": "[a]", "s3cret-longer": "[b]", "cd": "[c]", "é": "[d]"}
TEXT = "x s3cret-longer s3cret s3cretcd ecd é s3crets3cret-"
CLEAN = "x [b] [a] [a][c] e[c] [d] [a][a]-"


def test_a_log_is_the_same_however_its_text_arrives(tmp_path: Path) -> None:
    data = TEXT.encode()

    for cuts in [(), *combinations(range(1, len(data)), 1), *combinations(range(1, len(data), 3), 2)]:
        edges = [0, *cuts, len(data)]
        chunks = [data[begin:end] for begin, end in pairwise(edges)]
        assert written(tmp_path, chunks) == CLEAN, cuts
    assert written(tmp_path, [data[index : index + 1] for index in range(len(data))]) == CLEAN


@pytest.mark.parametrize(
    ("chunks", "expected"),
    [
        ([b"s3cre", b"t and s3", b"cr"], "[a] and s3cr"),
        ([b"s3cret-longer"], "[b]"),
        ([b"s3cret", b"-longe"], "[a]-longe"),
        ([b"nothing of it"], "nothing of it"),
        ([], ""),
    ],
)
def test_ordinary_text_is_not_touched_and_nothing_is_held_back_for_good(
    tmp_path: Path, chunks: list[bytes], expected: str
) -> None:
    assert written(tmp_path, chunks) == expected


def written(place: Path, chunks: list[bytes]) -> str:
    log = OutputLog(place / "log.txt", hidden=HIDDEN)
    for chunk in chunks:
        log.write(chunk)
    log.close()
    return (place / "log.txt").read_text(encoding="utf-8")
