"""Results as one piece of data: what a worker elsewhere or a shared storage gives is checked before it is believed."""

from __future__ import annotations

from pathlib import Path

import pytest

from ptx_prefect.engine.results import fetch_shared, keep_shared, pack_result, unpack_result
from ptx_prefect.engine.storage import open_storage
from ptx_prefect.engine.store import Store
from ptx_prefect.errors import RunError
from ptx_prefect.run.outcomes import Done, Failed, Usage
from ptx_prefect.tree import Changeset
from ptx_prefect.tree.changeset import FileChange

KEY = "ab" * 32


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    place = tmp_path / 'worker "1"'
    (place / "log.files").mkdir(parents=True)
    (place / "log.txt").write_bytes(b"said\xff")
    (place / "log.files/junit.xml").write_text("<testsuite/>")
    return place


def done(directory: Path) -> Done:
    changes = Changeset((FileChange("a", None, b"\x00\xff"),))
    return Done({"junit": str(directory / "log.files/junit.xml")}, changes, Usage(1.5), str(directory / "log.txt"))


def test_a_result_comes_home_with_its_files_and_their_places(directory: Path, tmp_path: Path) -> None:
    store, outcome = Store(tmp_path / "home"), done(directory)

    found = unpack_result(pack_result(outcome, directory, section="s"), store, KEY)

    assert isinstance(found, Done) and found.changeset == outcome.changeset and found.usage == outcome.usage
    assert isinstance(found.value, dict)
    assert Path(found.value["junit"]).read_text() == "<testsuite/>" and "home" in found.value["junit"]
    assert found.log is not None and Path(found.log).read_bytes() == b"said\xff"
    stored = store.get(KEY)
    assert stored is not None and stored.outcome == found and stored.section == "s"


def test_a_failed_one_brings_its_log_and_is_not_kept_as_finished(directory: Path, tmp_path: Path) -> None:
    store = Store(tmp_path / "home")

    found = unpack_result(pack_result(Failed("no", log=str(directory / "log.txt")), directory, section="s"), store, KEY)

    assert isinstance(found, Failed) and Path(str(found.log)).is_file()
    assert store.get(KEY) is None


@pytest.mark.parametrize("address", ["memory://ptx-test", "file://{}"])
def test_a_shared_storage_gives_back_what_another_machine_made(directory: Path, tmp_path: Path, address: str) -> None:
    storage = open_storage(address.format(tmp_path / "shared"))
    assert not fetch_shared(storage, Store(tmp_path / "b"), KEY)
    keep_shared(storage, KEY, pack_result(done(directory), directory, section="s"))

    assert fetch_shared(storage, Store(tmp_path / "b"), KEY)
    assert Store(tmp_path / "b").get(KEY) is not None


def test_a_damaged_result_counts_as_absent(directory: Path, tmp_path: Path) -> None:
    data = pack_result(done(directory), directory, section="s")
    storage, store = open_storage("memory://ptx-damaged"), Store(tmp_path / "b")
    storage.write(f"results/{KEY}", data[:-20])

    assert not fetch_shared(storage, store, KEY)
    with pytest.raises(RunError, match="damaged"):
        unpack_result(data[:-20], store, KEY)
    assert store.keys() == []


def test_an_address_that_nothing_can_open_says_so() -> None:
    with pytest.raises(RunError, match="nosuch"):
        open_storage("nosuch://place")
