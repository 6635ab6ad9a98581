"""Two directories change places, also where the system has no call for it and where a crash comes between."""

from __future__ import annotations

import ctypes
from pathlib import Path

import pytest

from ptx_prefect.tree.swap import exchange, finish_exchange


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "is").write_text(name)
    return tmp_path / "one", tmp_path / "other"


@pytest.fixture
def _no_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a system whose C library cannot exchange two paths."""
    monkeypatch.setattr(ctypes, "CDLL", lambda *args, **options: object())


def contents(pair: tuple[Path, Path]) -> tuple[str, str]:
    return (pair[0] / "is").read_text(), (pair[1] / "is").read_text()


def test_two_directories_change_places(pair: tuple[Path, Path]) -> None:
    exchange(*pair)

    assert contents(pair) == ("other", "one")


@pytest.mark.usefixtures("_no_call")
def test_without_the_call_they_change_places_by_renaming(pair: tuple[Path, Path]) -> None:
    exchange(*pair)

    assert contents(pair) == ("other", "one")
    assert len(list(pair[0].parent.iterdir())) == 2


@pytest.mark.usefixtures("_no_call")
@pytest.mark.parametrize("done", [1, 2])
def test_an_exchange_that_was_cut_off_is_brought_to_its_end(
    pair: tuple[Path, Path], done: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []

    def rename(self: Path, target: Path) -> Path:
        if len(made) == done:
            raise KeyboardInterrupt
        made.append(target)
        return original(self, target)

    original = Path.rename
    with monkeypatch.context() as cut:
        cut.setattr(Path, "rename", rename)
        with pytest.raises(KeyboardInterrupt):
            exchange(*pair)
    finish_exchange(*pair)

    assert contents(pair) == ("other", "one")
    assert len(list(pair[0].parent.iterdir())) == 2


def test_where_nothing_was_cut_off_nothing_is_done(pair: tuple[Path, Path]) -> None:
    finish_exchange(*pair)

    assert contents(pair) == ("one", "other")
