from __future__ import annotations

import json
import pickle

import pytest

from ptx_prefect.errors import TreeError
from ptx_prefect.tree.changeset import EXECUTABLE, Changeset, FileChange, compose, digest_of


def test_a_changeset_survives_json_and_pickle() -> None:
    made = Changeset(
        (
            FileChange("b\udcff.bin", "0" * 64, bytes(range(256)), EXECUTABLE),
            FileChange("gone", "1" * 64, None),
            FileChange("new", None, b"", renamed_from="gone"),
        )
    )

    assert Changeset.from_json(json.loads(json.dumps(made.to_json()))) == made
    assert pickle.loads(pickle.dumps(made)) == made


def test_paths_out_of_order_or_twice_are_refused() -> None:
    with pytest.raises(TreeError, match="sorted and unique"):
        Changeset((FileChange("b", None, b""), FileChange("a", None, b"")))


def test_compose_gives_the_effect_against_the_first_state() -> None:
    first = Changeset((FileChange("a", "0" * 64, b"1"), FileChange("b", None, b"2")))
    second = Changeset((FileChange("a", digest_of(b"1"), b"3"), FileChange("b", digest_of(b"2"), None)))

    assert compose([first, second]) == Changeset((FileChange("a", "0" * 64, b"3"),))
    assert compose([]) == Changeset()
    assert compose([first, first]) == first


def test_compose_refuses_rivals() -> None:
    one, two = (Changeset((FileChange("a", "0" * 64, text),)) for text in (b"1", b"2"))

    with pytest.raises(TreeError, match="'a'"):
        compose([one, two])
