"""Voters' records on disk."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from ptx_prefect.vote.records import VoterRecord, learn_records, read_records, reliabilities, results_of
from ptx_prefect.vote.values import Decision


def test_records_add_up_and_survive(tmp_path):
    learn_records(tmp_path, {"a": True, "b": False})
    learn_records(tmp_path, {"a": True})

    assert read_records(tmp_path) == {"a": VoterRecord(2, 0), "b": VoterRecord(0, 1)}
    assert read_records(tmp_path, family="other") == {}


def test_few_votes_move_little():
    assert VoterRecord().reliability == 0.5
    assert VoterRecord(1, 0).reliability == 0.6
    assert VoterRecord(96, 0).reliability == 0.98
    assert reliabilities({"x": VoterRecord(1, 0)}, {"a": "x", "b": None}) == {"a": 0.6, "b": 0.5}


def test_runs_at_once_lose_no_vote(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: learn_records(tmp_path, {"a": True}), range(40)))

    assert read_records(tmp_path)["a"].wins == 40
    assert [path.suffix for path in (tmp_path / "voters").iterdir() if path.suffix == ".tmp"] == []


def test_a_damaged_file_is_an_empty_record(tmp_path):
    learn_records(tmp_path, {"a": True}, family="../x y")
    (file,) = (tmp_path / "voters").glob("*.json")
    file.write_text('{"a": {"wins": ')

    assert read_records(tmp_path, family="../x y") == {}
    assert learn_records(tmp_path, {"a": False}, family="../x y") == {"a": VoterRecord(0, 1)}


def test_a_vote_tells_who_was_right_if_it_compared_anything():
    voters = {"a1": "a", "a2": "a", "b1": "b", "own": None}
    compared = Decision("a1", ("a1", "a2", "b1"), 0.5, groups=(("a1", "own"), ("a2", "b1")))

    assert results_of(compared, voters) == {"a": True, "b": False}
    assert results_of(Decision("a1", ("a1",), 1.0), voters) == {}
