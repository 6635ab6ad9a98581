"""What a cluster's workers get and give back, with one that has nothing but its own directory: no cluster needed."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import pytest

from ptx_prefect.engine import cluster, remote, runners
from ptx_prefect.engine.cluster import ClusterRunner, Freight
from ptx_prefect.engine.perform import Request
from ptx_prefect.engine.store import Store
from ptx_prefect.errors import RunError, SpecError, TreeError
from ptx_prefect.run.outcomes import Cancelled, Done, Failed
from ptx_prefect.settings import load_settings
from ptx_prefect.tree import Base


class Elsewhere:
    """A task runner as Ray's, whose one worker has a state directory of its own and gets copies of everything."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self.trees: list[set[str]] = []

    def submit(self, task: Any, parameters: dict[str, Any], dependencies: dict[str, set[Any]]) -> Any:
        own = pickle.loads(pickle.dumps(parameters))
        self.trees.append(set(own["trees"]))
        here, os.environ["PTX_STATE_DIR"] = os.environ["PTX_STATE_DIR"], str(self.state)
        try:
            result: Any = task.fn(**own)
        except Exception as error:
            result = error
        finally:
            os.environ["PTX_STATE_DIR"] = here
        return SimpleNamespace(task_run_id=uuid4(), result=lambda raise_on_failure: result, wrapped_future=result)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "a.txt").write_text("a\n")
    return tmp_path / "home"


def shell(name: str, script: str, home: Path, **more: Any) -> Request:
    config = {"argv": ["sh", "-c", script]}
    return Request(name, "d", "command", config, name * 64, 1, str(home), "", 60.0, **more)


def said(outcome: Any) -> str:
    """What a section printed, which lies here too."""
    return Path(outcome.log).read_text()


def freight(home: Path, tmp_path: Path, **more: Any) -> Freight:
    return Freight(home, more.pop("base", None), Store(tmp_path / "state").open(), **more)


def outcomes(runner: ClusterRunner, *requests: Request) -> Sequence[Any]:
    return runner.outcomes(runner.submit(requests, name="s", after=[]), requests)


def cluster_of(home: Path, tmp_path: Path, **more: Any) -> tuple[ClusterRunner, Elsewhere]:
    elsewhere = Elsewhere(tmp_path / "elsewhere")
    elsewhere.state.mkdir()
    return ClusterRunner(elsewhere, freight(home, tmp_path, **more)), elsewhere


def test_what_a_section_reads_goes_there_and_what_it_writes_comes_home(home: Path, tmp_path: Path) -> None:
    runner, _ = cluster_of(home, tmp_path)
    (first,) = outcomes(runner, shell("1", "pwd; cat a.txt > b.txt", home))
    (second,) = outcomes(runner, shell("2", "cat b.txt", home))

    assert isinstance(first, Done) and isinstance(second, Done)
    assert str(home) not in said(first) and said(second) == "a\n"
    assert (home / "b.txt").read_text() == "a\n"
    assert not any((tmp_path / "elsewhere" / "elsewhere").rglob("*")), "nothing of it is left there"


def test_with_reads_only_those_files_go_there(home: Path, tmp_path: Path) -> None:
    (home / "other.txt").write_text("x")
    runner, _ = cluster_of(home, tmp_path)
    (done,) = outcomes(runner, shell("1", "ls", home, reads=("a*",)))

    assert said(done).split() == ["a.txt"]


def test_a_file_that_changed_here_meanwhile_is_not_overwritten(home: Path, tmp_path: Path) -> None:
    load = freight(home, tmp_path)
    load.began_at_s = time.time() - 100
    runner = ClusterRunner(Elsewhere(tmp_path / "elsewhere"), load)
    request = shell("1", "echo there > a.txt", home)
    future = runner.submit([request], name="s", after=[])
    (home / "a.txt").write_text("here\n")
    (failed,) = runner.outcomes(future, [request])

    assert isinstance(failed, Failed) and failed.kind == "conflict" and failed.permanent
    assert "a.txt" in failed.reason
    assert (home / "a.txt").read_text() == "here\n"


def test_of_a_batch_each_section_has_its_own_outcome(home: Path, tmp_path: Path) -> None:
    runner, _ = cluster_of(home, tmp_path)
    good, bad = outcomes(runner, shell("1", "echo good", home), shell("2", "echo bad; exit 3", home))

    assert isinstance(good, Done) and said(good) == "good\n"
    assert isinstance(bad, Failed) and "3" in bad.reason and said(bad) == "bad\n"


def test_a_batch_that_takes_longer_than_thought_goes_out_again(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "BATCH_S", 0.0)
    runner, _ = cluster_of(home, tmp_path)

    first, second = outcomes(runner, shell("1", "true", home), shell("2", "true", home))
    assert isinstance(first, Done) and second is None


def test_a_base_travels_as_content_and_changes_come_home_as_values(home: Path, tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q"], cwd=home, check=True)
    runner, elsewhere = cluster_of(home, tmp_path, base=Base.of_directory(home))
    (done,) = outcomes(runner, shell("1", "echo b >> a.txt", home, writes=("a.txt",)))
    (stray,) = outcomes(runner, shell("2", "echo b > c.txt", home, writes=("a.txt",)))

    assert isinstance(done, Done) and done.changeset is not None
    assert [(row.path, row.content) for row in done.changeset.changes] == [("a.txt", b"a\nb\n")]
    assert isinstance(stray, Failed) and "c.txt" in stray.reason
    assert (home / "a.txt").read_text() == "a\n", "it is merged, not written back"
    assert elsewhere.trees[0] == elsewhere.trees[1] and len(elsewhere.trees[0]) == 2


def test_a_large_tree_goes_to_the_storage_once(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "STORED_FROM_BYTES", 1)
    storage = f"file://{tmp_path}/shared"
    runner, elsewhere = cluster_of(home, tmp_path, storage=storage)
    requests = [shell(name, "cat a.txt", home, result_storage=storage) for name in "12"]

    assert [said(one) for one in outcomes(runner, requests[0])] == ["a\n"]
    assert [said(one) for one in outcomes(runner, requests[1])] == ["a\n"]
    assert elsewhere.trees == [set(), set()]
    assert len(list((tmp_path / "shared" / "trees").iterdir())) == 1


def test_a_tree_that_did_not_arrive_is_told(home: Path, tmp_path: Path) -> None:
    request = freight(home, tmp_path).load(shell("1", "true", home), {})
    outcome, _ = remote.perform_elsewhere(request, {})

    assert isinstance(outcome, Failed) and outcome.permanent
    assert "did not arrive and is not in None; run the task again" in outcome.reason


def test_trees_that_nobody_asked_for_during_a_week_go(home: Path, tmp_path: Path) -> None:
    runner, elsewhere = cluster_of(home, tmp_path)
    outcomes(runner, shell("1", "echo new > b.txt", home))
    (record,) = (elsewhere.state / "trees").glob("*.json")
    os.utime(record, (0, 0))
    outcomes(runner, shell("2", "true", home))

    assert not record.exists() and not record.with_suffix("").exists()
    assert len(list((elsewhere.state / "trees").glob("*.json"))) == 1


def test_a_directory_that_was_not_meant_to_be_sent_is_refused(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "HOME_BYTES", 1)
    with pytest.raises(TreeError, match="too much to send to a cluster: say in `reads`"):
        freight(home, tmp_path).load(shell("1", "true", home), {})


def test_the_module_that_a_section_calls_goes_with_it(home: Path, tmp_path: Path) -> None:
    """On a base too, where nothing else of the working directory does; not what lies outside."""
    (home / "tools").mkdir()
    (home / "tools" / "work.py").write_text(
        "from pathlib import Path\ndef there(): return sorted(map(str, Path().iterdir()))\n"
    )
    runner, _ = cluster_of(home, tmp_path, base=Base.of_directory(home))
    config = {"target": "work:there", "path": ["tools", "../outside"]}
    request = Request("1", "d", "callable", config, "1" * 64, 1, str(home), "", 60.0)
    (done,) = outcomes(runner, request)

    assert isinstance(done, Done), done
    assert "a.txt" in str(done.value)


def test_a_worker_that_died_costs_its_sections_an_attempt(home: Path, tmp_path: Path) -> None:
    runner, _ = cluster_of(home, tmp_path)
    requests = [shell("1", "true", home), shell("2", "true", home)]

    def lost(raise_on_failure: bool) -> Any:
        raise ConnectionError("gone")

    for result in (lost, lambda raise_on_failure: "nonsense", lambda raise_on_failure: [b""]):
        found = runner.outcomes(SimpleNamespace(task_run_id=UUID(int=1), result=result), requests)
        assert all(isinstance(one, Failed) and one.kind == "engine" and not one.permanent for one in found)
        assert all("the worker was lost" in one.reason for one in found if isinstance(one, Failed))


def test_a_result_that_cannot_be_read_is_a_failure_that_says_so(home: Path, tmp_path: Path) -> None:
    runner, _ = cluster_of(home, tmp_path)
    answer = SimpleNamespace(task_run_id=UUID(int=1), result=lambda raise_on_failure: [b"damaged"])
    (failed,) = runner.outcomes(answer, [shell("1", "true", home)])

    assert isinstance(failed, Failed) and failed.reason


def test_a_cluster_that_takes_no_sections_any_more(home: Path, tmp_path: Path) -> None:
    gone = SimpleNamespace(submit=lambda *args, **kwargs: 1 / 0)
    with pytest.raises(RunError, match=r"takes no sections any more \(ZeroDivisionError"):
        ClusterRunner(gone, freight(home, tmp_path)).submit([shell("1", "true", home)], name="s", after=[])


def test_cancelling_reaches_every_worker_once_and_nothing_more_begins(home: Path, tmp_path: Path) -> None:
    load = freight(home, tmp_path)
    told: list[tuple[Any, ...]] = []

    def run(function: Any, *args: Any, on_error: str) -> None:
        told.append(args)
        function(*args)

    runner = ClusterRunner(SimpleNamespace(client=SimpleNamespace(run=run)), load)
    runner.cancel("over", section="1")
    runner.cancel("over")
    runner.cancel("over again")
    deadline = time.monotonic() + 30
    while not told and time.monotonic() < deadline:
        time.sleep(0.01)

    assert told == [(load.run_id, "over", ())]
    (outcome,) = outcomes(ClusterRunner(Elsewhere(tmp_path / "state"), load), shell("1", "true", home))
    assert isinstance(outcome, Cancelled) and outcome.reason == "over"


def test_cancelling_on_ray_takes_back_what_is_under_way(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cancelled: list[Any] = []
    monkeypatch.setitem(sys.modules, "ray", SimpleNamespace(cancel=cancelled.append))
    runner, _ = cluster_of(home, tmp_path)
    future = runner.submit([shell("1", "true", home)], name="s", after=[])
    runner.cancel("over")
    deadline = time.monotonic() + 30
    while not cancelled and time.monotonic() < deadline:
        time.sleep(0.01)

    assert cancelled == [future.wrapped_future]


class Stack:
    """Stands for an extra's runner: takes what the settings say, or does not."""

    def __init__(self, address: str = "") -> None:
        self.address = address

    def __enter__(self) -> Stack:
        return self

    def __exit__(self, *args: object) -> None: ...

    @property
    def client(self) -> Any:
        raise OSError(f"nobody listens at {self.address}")


def opened(kind: str, options: dict[str, Any], load: Freight) -> Any:
    settings = load_settings().model_copy(update={"task_runner": kind, "task_runner_options": options})
    with runners.open_runner(settings, load) as runner:
        return runner


def test_a_runner_that_is_not_there_or_does_not_take_its_options_is_told(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = freight(home, tmp_path)
    monkeypatch.setitem(sys.modules, "prefect_dask", SimpleNamespace(DaskTaskRunner=Stack))
    monkeypatch.setitem(sys.modules, "prefect_ray", SimpleNamespace(RayTaskRunner=Stack))
    monkeypatch.setattr(runners, "find_spec", lambda name: name)

    assert isinstance(opened("ray", {}, load), ClusterRunner)
    with pytest.raises(SpecError, match=r"ray cannot be used: .*unexpected.*'x'.*; look at task_runner_options"):
        opened("ray", {"x": 1}, load)
    with pytest.raises(SpecError, match="dask cannot be used: nobody listens at there; look at"):
        opened("dask", {"address": "there"}, load)
    monkeypatch.setattr(runners, "find_spec", lambda name: None)
    with pytest.raises(SpecError, match=r"'dask' needs an extra: pip install \"ptx-prefect\[dask\]\""):
        opened("dask", {}, load)
