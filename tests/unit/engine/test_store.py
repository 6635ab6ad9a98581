"""The store keeps finished results whole, private, and notices when somebody touched them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ptx_prefect.engine.store import Store
from ptx_prefect.run.outcomes import Done

KEY = "ab" + "0" * 62


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path)
    (store.directory(KEY) / "log.txt").write_text("hello")
    store.put(KEY, Done({"n": 1}), section="s")
    return store


def test_a_result_comes_back_with_its_files(store: Store) -> None:
    found = store.get(KEY)

    assert found is not None and found.outcome.value == {"n": 1} and found.section == "s"
    assert (found.directory / "log.txt").read_text() == "hello"
    assert store.keys() == [KEY]


def test_the_directories_are_private(store: Store) -> None:
    assert store.directory(KEY).stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("damage", ["truncate", "tamper", "file", "remove", "not json", "other case"])
def test_a_damaged_result_counts_as_absent(store: Store, damage: str) -> None:
    path = store.directory(KEY) / "result.json"
    text = path.read_text()
    match damage:
        case "truncate":
            path.write_text(text[: len(text) // 2])
        case "tamper":
            path.write_text(text.replace('"n":1', '"n":2'))
        case "file":
            (store.directory(KEY) / "log.txt").write_text("other")
        case "remove":
            (store.directory(KEY) / "log.txt").unlink()
        case "not json":
            path.write_bytes(b"\xff\xfe")
        case _:
            path.write_text(json.dumps({"digest": "x", "body": []}))

    assert store.get(KEY) is None


def test_forgetting_removes_everything(store: Store) -> None:
    store.forget(KEY)

    assert store.get(KEY) is None and store.keys() == []
