"""The bounded log keeps both ends."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ptx_prefect.workers.output_log import OutputLog


@settings(max_examples=60, deadline=None)
@given(pieces=st.lists(st.binary(max_size=40), max_size=20))
def test_head_and_tail_are_kept_and_the_gap_is_counted(
    pieces: list[bytes], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("log") / "x.log"
    log = OutputLog(path, head_bytes=30, tail_bytes=30)
    for piece in pieces:
        log.write(piece)
    log.close()
    whole, kept = b"".join(pieces), path.read_bytes()

    if len(whole) <= 60:
        assert kept == whole
    else:
        assert kept.startswith(whole[:30]) and kept.endswith(whole[-30:])
        assert f"[... {len(whole) - 60} bytes left out ...]".encode() in kept


def test_the_last_line_is_text_whatever_was_printed(tmp_path: Path) -> None:
    log = OutputLog(tmp_path / "x.log")
    log.write(b"first\nprogress 10%\rprogress 20%\xff\r\n\n   \n")

    assert log.last_line() == "progress 20%\ufffd"
    log.close()


def test_a_full_disk_costs_the_log_and_not_the_work() -> None:
    log = OutputLog(Path("/dev/full"))
    log.write(b"text")
    log.write(b"more")
    log.close()

    assert log.trouble is not None and "No space left" in log.trouble
    assert log.recent() == "textmore"
