"""What would stop a run only when its work is done is told before it starts."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ptx_prefect.errors import SpecError
from ptx_prefect.preflight import check_task
from ptx_prefect.settings import Settings, state_dir
from ptx_prefect.spec import parse_spec
from ptx_prefect.tree.base import Base
from ptx_prefect.tree.changeset import Changeset
from ptx_prefect.tree.publish import Target, publish

ECHO = {"kind": "command", "argv": ["echo"]}


def git(directory: Path, *args: str) -> None:
    identity = ["-c", "user.name=t", "-c", "user.email=t@t", "-c", "init.defaultBranch=main"]
    subprocess.run(["git", *identity, *args], cwd=directory, check=True, capture_output=True)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A directory with a repository `repo` in it, where a branch `theirs` stands."""
    (tmp_path / "repo").mkdir()
    (tmp_path / "repo" / "a.py").write_text("A = 1\n")
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "one"], ["branch", "theirs"]):
        git(tmp_path / "repo", *command)
    return tmp_path


def mistakes_in(workdir: Path, **keys: Any) -> dict[str, str]:
    main_task = {"description": "d", "components": [{"name": "a", "worker": ECHO}]}
    task = {"task_id": "t", "mode": "sectioning", "main_task": main_task, "workdir": str(workdir), "output_dir": "out"}
    try:
        check_task(parse_spec(task | keys), Settings())
    except SpecError as error:
        return dict(error.mistakes)
    return {}


@pytest.mark.parametrize(
    ("branch", "remedy"),
    [("main", "is checked out"), ("theirs", "name another or delete it"), ("bad name..x", "check-ref-format")],
)
def test_a_branch_that_cannot_be_published(branch: str, remedy: str, place: Path) -> None:
    found = mistakes_in(place, base={"path": "repo", "revision": "HEAD"}, merged_output={"branch": branch})

    assert list(found) == ["merged_output.branch"] and remedy in found["merged_output.branch"]


@pytest.mark.parametrize("wish", [{"patches": "full"}, {"directory": "full"}, "full"])
def test_a_directory_that_is_not_ours(wish: Any, place: Path) -> None:
    (place / "full").mkdir()
    (place / "full" / "mine").write_text("mine")
    (text,) = mistakes_in(place, base="repo", merged_output=wish).values()

    assert "is not empty and nothing of ours" in text


def test_a_published_directory_that_was_edited(place: Path) -> None:
    def send() -> None:
        target = Target("directory", str(place / "merged"))
        publish(
            Base.of_directory(place / "repo"), Changeset(), [], target, run_id="r", state_dir=state_dir(), now_s=1.0
        )

    send()
    assert mistakes_in(place, base="repo", merged_output="merged") == {}
    (place / "merged" / "a.py").write_text("by hand\n")
    assert "was changed since run 'r'" in mistakes_in(place, base="repo", merged_output="merged")["merged_output"]


def test_nothing_is_wrong_with_places_that_are_free(place: Path) -> None:
    revision = {"path": "repo", "revision": "HEAD"}

    assert mistakes_in(place, base=revision, merged_output={"branch": "new"}) == {}
    assert mistakes_in(place, base="repo", merged_output="new") == {}
    assert mistakes_in(place, base="repo") == {}


@pytest.mark.parametrize("key", ["output_dir", "merged_output"])
def test_outputs_do_not_go_over_the_base(key: str, place: Path) -> None:
    assert list(mistakes_in(place, base="repo", **{key: "repo"})) == [key]


def test_reports_need_a_place_that_can_be_written(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a file system that is mounted to be read only."""
    may = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != place and may(path, mode))

    told = mistakes_in(place, output_dir="new/out")

    assert list(told) == ["output_dir"] and "set output_dir to another place" in told["output_dir"]
    (place / "writable").mkdir()
    assert mistakes_in(place, output_dir="writable/out") == {}


def test_every_relative_path_starts_in_workdir(place: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    here = tmp_path_factory.mktemp("elsewhere")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(here)

        assert mistakes_in(place, base="repo", merged_output="new") == {}
        assert "does not exist" in mistakes_in(place / "repo", base="repo")["base"]


def with_worker(worker: dict[str, Any], **keys: Any) -> dict[str, Any]:
    return {"main_task": {"description": "d", "components": [{"name": "a", "worker": worker}]}, **keys}


def test_a_command_finds_its_directory_and_program_in_the_base(place: Path) -> None:
    (place / "repo" / "tools").mkdir()
    (place / "repo" / "tools" / "make.sh").write_text("#!/bin/sh\n")
    (place / "repo" / "tools" / "make.sh").chmod(0o755)
    (place / "beside").mkdir()
    there = {"kind": "command", "argv": ["./make.sh"], "cwd": "tools"}
    not_there = {"kind": "command", "argv": ["true"], "cwd": "beside"}

    assert mistakes_in(place, **with_worker(there, base="repo")) == {}
    (found,) = mistakes_in(place, **with_worker(not_there, base="repo")).values()
    assert found == f"'beside' is not a directory in {str(place / 'repo')!r}"
    assert mistakes_in(place, **with_worker(not_there)) == {}


def test_what_a_revision_holds_need_not_be_checked_out(place: Path) -> None:
    worker = {"kind": "command", "argv": ["true"], "cwd": "beside"}
    (place / "beside").mkdir()

    assert mistakes_in(place, **with_worker(worker, base={"path": "repo", "revision": "HEAD"})) == {}


def test_a_function_may_be_in_the_base(place: Path) -> None:
    (place / "repo" / "only_there.py").write_text("def f(): pass\n")
    worker = {"kind": "callable", "target": "only_there:f"}

    assert mistakes_in(place, **with_worker(worker, base="repo")) == {}
    assert list(mistakes_in(place, **with_worker(worker))) == ["main_task.components[0].worker.target"]


MODEL = {"provider": "openai", "model": "nobody-knows-it", "base_url": "http://127.0.0.1:9/v1", "key_env": ""}
CHAT = {"kind": "chat", "model": MODEL}


@pytest.mark.parametrize(
    "keys",
    [
        with_worker(CHAT),
        {"worker": CHAT, "main_task": {"description": "d"}},
        {"worker": CHAT, "main_task": {"description": "d", "level": "file", "root": "repo"}},
        {"after": [{"name": "judge", "worker": CHAT}]},
    ],
    ids=["section", "planner", "level", "after"],
)
def test_dollars_cannot_limit_a_model_without_a_price(keys: dict[str, Any], place: Path) -> None:
    found = mistakes_in(place, **keys, budget={"usd": 1})

    assert list(found) == ["budget.usd"] and "no price is known for 'nobody-knows-it'" in found["budget.usd"]
    assert mistakes_in(place, **keys, budget={"tokens": 1000}) == {}
