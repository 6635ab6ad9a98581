"""Mistakes in a worker's configuration are found before anything runs, all at once, each with what to do."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from ptx_prefect.errors import WorkerError
from ptx_prefect.workers.environment import environment_of
from ptx_prefect.workers.frames import FrameReader
from ptx_prefect.workers.known import KNOWN, worker_for

GOOD: dict[str, dict[str, Any]] = {
    "callable": {"target": "json:dumps", "args": {"obj": 1}},
    "command": {"argv": ["sh", "-c", "true"]},
    "pytest": {"tests": ["tests"], "coverage": True, "source": ["pkg"]},
}


@pytest.mark.parametrize("kind", sorted(GOOD))
def test_a_sound_configuration_has_no_mistakes(kind: str, tmp_path: Path) -> None:
    assert worker_for(kind).check(GOOD[kind], workdir=tmp_path) == {}


@pytest.mark.parametrize("kind", sorted(GOOD))
def test_an_unknown_key_is_named_with_the_nearest(kind: str, tmp_path: Path) -> None:
    mistakes = worker_for(kind).check({**GOOD[kind], "set_emv": {}}, workdir=tmp_path)

    assert mistakes == {"set_emv": "unknown key 'set_emv'; did you mean 'set_env'?"}


@pytest.mark.parametrize(
    ("kind", "change", "place"),
    [
        ("command", {"argv": []}, "argv"),
        ("command", {"argv": "make docs"}, "argv"),
        ("command", {"argv": ["no-such-program"]}, "argv"),
        ("command", {"argv": ["./missing.sh"]}, "argv"),
        ("command", {"cwd": "missing"}, "cwd"),
        ("command", {"expect_exit": "0"}, "expect_exit"),
        ("command", {"env": "HOME"}, "env"),
        ("command", {"set_env": ["A=1"]}, "set_env"),
        ("command", {"memory_mb": -1}, "memory_mb"),
        ("callable", {"target": "json.dumps"}, "target"),
        ("callable", {"target": "no_such_module_here:f"}, "target"),
        ("callable", {"args": [1]}, "args"),
        ("pytest", {"tests": "tests"}, "tests"),
        ("pytest", {"coverage": "yes"}, "coverage"),
        ("pytest", {"python": "no-such-python"}, "python"),
    ],
)
def test_a_mistake_is_told_at_its_place(kind: str, change: dict[str, Any], place: str, tmp_path: Path) -> None:
    mistakes = worker_for(kind).check({**GOOD[kind], **change}, workdir=tmp_path)

    assert list(mistakes) == [place]


def test_a_module_beside_the_task_is_found_without_importing_it(tmp_path: Path) -> None:
    (tmp_path / "beside.py").write_text("raise RuntimeError('imported')")

    assert worker_for("callable").check({"target": "beside:f"}, workdir=tmp_path) == {}
    assert "beside" not in sys.modules


def test_an_unknown_kind_names_the_nearest() -> None:
    with pytest.raises(WorkerError, match=r"'comand'; did you mean 'command'\?"):
        worker_for("comand")


@pytest.mark.parametrize("kind", sorted(KNOWN))
def test_a_worker_knows_its_kind(kind: str) -> None:
    assert worker_for(kind).kind == kind


def test_the_fingerprint_follows_the_code_that_decides_the_result(tmp_path: Path) -> None:
    module, script = tmp_path / "beside.py", tmp_path / "tool.sh"
    module.write_text("def f(): return 1\n")
    script.write_text("#!/bin/sh\n")
    script.chmod(0o700)
    asked = [("callable", {"target": "beside:f"}), ("command", {"argv": ["./tool.sh"]})]
    before = [worker_for(kind).fingerprint(config, workdir=tmp_path) for kind, config in asked]
    module.write_text("def f(): return 2\n")
    script.write_text("#!/bin/sh\nexit 1\n")
    after = [worker_for(kind).fingerprint(config, workdir=tmp_path) for kind, config in asked]

    assert all(old != new for old, new in zip(before, after, strict=True))


def test_the_environment_is_an_allow_list() -> None:
    source = {"PATH": "/bin", "LC_ALL": "C", "API_KEY": "secret", "AWS_REGION": "x", "AWS_SECRET": "y"}

    assert environment_of((), added={"NEW": "1"}, source=source) == {"PATH": "/bin", "LC_ALL": "C", "NEW": "1"}
    assert environment_of(("AWS_REGION",), added={}, source=source).keys() == {"PATH", "LC_ALL", "AWS_REGION"}
    assert environment_of(("*",), added={}, source=source) == source


def test_messages_arrive_whole_however_they_are_cut() -> None:
    data = b"".join(len(text).to_bytes(4, "big") + text for text in (b'{"a": 1}', b"{}", b'{"b": "\\u00fc"}'))
    reader = FrameReader()
    found = [message for start in range(len(data)) for message in reader.feed(data[start : start + 1])]

    assert found == [{"a": 1}, {}, {"b": "ü"}]
