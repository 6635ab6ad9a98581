"""Changes made in a copy come back into the directory: all or none, nothing newer is lost."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from ptx_prefect.tree.changeset import Changeset, FileChange, digest_of
from ptx_prefect.tree.write_back import write_back


def change(path: str, old: bytes | None, new: bytes | None) -> FileChange:
    return FileChange(path, None if old is None else digest_of(old), new)


def test_files_are_added_changed_and_deleted(tmp_path: Path) -> None:
    (tmp_path / "b").write_bytes(b"old")
    (tmp_path / "c").write_bytes(b"gone")
    changes = Changeset((change("a/new", None, b"1"), change("b", b"old", b"2"), change("c", b"gone", None)))

    refused = write_back(changes, tmp_path, copied_at_s=time.time())

    assert not refused
    assert (tmp_path / "a/new").read_bytes() == b"1" and (tmp_path / "b").read_bytes() == b"2"
    assert not (tmp_path / "c").exists()


def test_nothing_is_written_where_one_file_is_newer(tmp_path: Path) -> None:
    (tmp_path / "b").write_bytes(b"somebody else's")
    changes = Changeset((change("a", None, b"1"), change("b", b"old", b"2")))

    refused = write_back(changes, tmp_path, copied_at_s=time.time())

    assert "'b'" in refused and "order the sections" in refused
    assert not (tmp_path / "a").exists() and (tmp_path / "b").read_bytes() == b"somebody else's"


@pytest.mark.parametrize(("age_s", "is_written"), [(3600, True), (-3600, False)])
def test_a_file_that_was_not_copied_is_replaced_only_where_it_is_older(
    tmp_path: Path, age_s: float, is_written: bool
) -> None:
    (tmp_path / "build").write_bytes(b"of an earlier run")
    moment = time.time() - age_s
    os.utime(tmp_path / "build", (moment, moment))

    refused = write_back(Changeset((change("build", None, b"now"),)), tmp_path, copied_at_s=time.time())

    assert (not refused) is is_written


def test_writing_twice_changes_nothing(tmp_path: Path) -> None:
    changes = Changeset((change("a", None, b"1"),))
    write_back(changes, tmp_path, copied_at_s=0)

    assert not write_back(changes, tmp_path, copied_at_s=0)
