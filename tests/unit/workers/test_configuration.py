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
    "agent": {"argv": ["sh", "-c", "{prompt}"], "reserve": {"usd": 0.5}},
    "chat": {"model": {"provider": "openai", "model": "m", "base_url": "http://localhost:1", "key_env": ""}},
    "callable": {"target": "json:dumps", "args": {"obj": 1}},
    "command": {"argv": ["sh", "-c", "true"]},
    "pytest": {"tests": ["tests"], "coverage": True, "source": ["pkg"]},
}


@pytest.mark.parametrize("kind", sorted(GOOD))
def test_a_sound_configuration_has_no_mistakes(kind: str, tmp_path: Path) -> None:
    assert worker_for(kind).check(GOOD[kind], workdir=tmp_path) == {}


@pytest.mark.parametrize("kind", sorted(GOOD))
def test_an_unknown_key_is_named_with_the_nearest(kind: str, tmp_path: Path) -> None:
    known, typo = ("set_env", "set_emv") if kind != "chat" else ("repairs", "repair")
    mistakes = worker_for(kind).check({**GOOD[kind], typo: {}}, workdir=tmp_path)

    assert mistakes == {typo: f"unknown key {typo!r}; did you mean {known!r}?"}


@pytest.mark.parametrize(
    ("kind", "change", "place"),
    [
        ("command", {"argv": []}, "argv"),
        ("command", {"argv": "make docs"}, "argv"),
        ("command", {"argv": ["no-such-program"]}, "argv"),
        ("command", {"argv": ["./missing.sh"]}, "argv"),
        ("command", {"cwd": "missing"}, "cwd"),
        ("command", {"cwd": ".."}, "cwd"),
        ("command", {"expect_exit": "0"}, "expect_exit"),
        ("command", {"env": "HOME"}, "env"),
        ("command", {"set_env": ["A=1"]}, "set_env"),
        ("command", {"memory_mb": -1}, "memory_mb"),
        ("callable", {"target": "json.dumps"}, "target"),
        ("callable", {"target": "no_such_module_here:f"}, "target"),
        ("callable", {"args": [1]}, "args"),
        ("command", {"cwd": 7}, "cwd"),
        ("command", {"expect_exit": []}, "expect_exit"),
        ("callable", {"target": 7}, "target"),
        ("callable", {"args": {"not a name": 1}}, "args"),
        ("agent", {"argv": None}, "preset"),
        ("agent", {"preset": "cluade"}, "preset"),
        ("agent", {"preset": ["claude"]}, "preset"),
        ("agent", {"argv": ["sh", "-c", "true"]}, "argv"),
        ("agent", {"argv": ["no-such-agent", "{prompt}"]}, "argv"),
        ("agent", {"args": "-v"}, "args"),
        ("agent", {"model": 7}, "model"),
        ("agent", {"instructions": ["do"]}, "instructions"),
        ("agent", {"repairs": True}, "repairs"),
        ("agent", {"repairs": 11}, "repairs"),
        ("agent", {"reserve": 5}, "reserve"),
        ("agent", {"reserve": {"euro": 5}}, "reserve"),
        ("agent", {"reads_usage": {}}, "reads_usage"),
        ("agent", {"checks": "make"}, "checks"),
        ("chat", {"output": []}, "output"),
        ("chat", {"model": {"provider": ["x"], "model": "m"}}, "model.provider"),
        ("chat", {"max_tokens": 0}, "max_tokens"),
        ("chat", {"temperature": 3}, "temperature"),
        ("chat", {"checks": [[]]}, "checks"),
        ("pytest", {"tests": "tests"}, "tests"),
        ("pytest", {"coverage": "yes"}, "coverage"),
        ("pytest", {"python": "no-such-python"}, "python"),
    ],
)
def test_a_mistake_is_told_at_its_place(kind: str, change: dict[str, Any], place: str, tmp_path: Path) -> None:
    config = {key: value for key, value in {**GOOD[kind], **change}.items() if value is not None}
    mistakes = worker_for(kind).check(config, workdir=tmp_path)

    assert list(mistakes) == [place]
    assert all(mistakes.values())


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


def test_a_program_that_is_not_installed_is_told_with_its_preset(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    assert worker_for("agent").check({"preset": "claude"}, workdir=tmp_path) == {
        "preset": "there is no program 'claude'; install it or check PATH"
    }


def test_a_chat_without_its_key_is_told_which_variable_to_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    model = {"provider": "openai", "model": "m", "key_env": "NO_SUCH_KEY"}

    assert "set NO_SUCH_KEY" in worker_for("chat").check({"model": model}, workdir=tmp_path)["model"]


def test_functions_of_packages_and_of_installed_modules_have_fingerprints(tmp_path: Path) -> None:
    (tmp_path / "pack").mkdir()
    (tmp_path / "pack" / "__init__.py").write_text("def f(): return 1\n")
    worker = worker_for("callable")
    own, installed, built_in, gone = (
        worker.fingerprint({"target": target}, workdir=tmp_path)["module"]
        for target in ("pack:f", "json:dumps", "sys:exit", "no_such_module.inside:f")
    )

    assert own and installed and own != installed
    assert built_in is None and gone is None


def test_programs_are_told_apart_by_content_or_where_large_by_size_and_time(tmp_path: Path) -> None:
    worker = worker_for("command")
    large = tmp_path / "large"
    large.write_bytes(b"\0" * (1 << 20) + b"\0")
    large.chmod(0o700)
    found = worker.fingerprint({"argv": ["./large"], "env": ["NO_SUCH_VARIABLE", "LC_*"]}, workdir=tmp_path)

    assert found["program"] == f"{large.stat().st_size}:{large.stat().st_mtime_ns}"
    assert found["env"] == {"NO_SUCH_VARIABLE": None}
    assert worker.fingerprint({"argv": []}, workdir=tmp_path)["program"] is None


def test_what_an_agent_may_spend_is_what_is_set_aside_for_it(tmp_path: Path) -> None:
    def told(**config: Any) -> Any:
        return worker_for("agent").forecast(
            {"argv": ["my-agent", "{prompt}"], **config}, description="d", inputs={}, has_files=True
        )

    bounded = told(reserve={"usd": 0.5, "tokens": 1000}, repairs=2)

    assert not told().is_bounded
    assert (bounded.model, bounded.max_calls) == ("agent my-agent", 3)
    assert (bounded.fixed.tokens, bounded.fixed.usd, bounded.fixed.calls) == (1000, 0.5, 1)


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
