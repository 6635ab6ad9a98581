"""Where settings come from, and that the printed config.json is what the code defaults to."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ptx_prefect.errors import SpecError
from ptx_prefect.settings import Settings, load_settings, state_dir

CONFIG = Path(__file__).parents[2] / "config.json"


def test_the_printed_config_equals_the_defaults() -> None:
    printed = json.loads(CONFIG.read_text())
    defaults = Settings().model_dump()

    assert load_settings(CONFIG, env={}) == Settings()
    assert {group: defaults[group] for group in printed} == printed


def test_environment_wins_over_file_over_defaults(tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    path.write_text('{"parallelism": {"max_workers": 7}, "retry": {"max_attempts": 5}}')

    found = load_settings(env={"PTX_PREFECT_CONFIG": str(path), "PTX_PREFECT_PARALLELISM__MAX_WORKERS": "6"})

    assert (found.parallelism.max_workers, found.retry.max_attempts, found.timeouts.max_task) == (6, 5, 600)


@pytest.mark.parametrize(
    "text",
    ['{"port": 80}', "[1, 2]", '{"port": 80 /* why */}', '{"models": ["a", "b"], "port": 1}', '{"timeout": 30}',
     '{"timeouts": {"read": 5}, "host": "x"}'],
)  # fmt: skip
def test_another_tools_config_json_is_left_alone(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config.json").write_text(text)
    monkeypatch.chdir(tmp_path)

    assert load_settings(env={}) == Settings()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"timeout": {"max_task": 5}}', "did you mean 'timeouts'"),
        ('{"parallelism": {"max_workers": 4}, "colour": 1}', "unknown key 'colour'"),
        ('{"timeouts": {"read": 5}}', "unknown key 'read'"),
        ('{"parallelism": {"max_workers": 4},}', "cannot be read as JSON"),
    ],
)
def test_one_that_is_ours_is_read_and_its_mistakes_are_told(
    text: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config.json").write_text(text)
    monkeypatch.chdir(tmp_path)

    with pytest.raises(SpecError, match=told) as caught:
        load_settings(env={})
    assert "PTX_PREFECT_CONFIG" in str(caught.value)


def test_a_deadline_by_default_above_the_longest_one_is_refused() -> None:
    with pytest.raises(SpecError, match="default_task <= max_task"):
        load_settings(env={"PTX_PREFECT_TIMEOUTS__DEFAULT_TASK": "900"})


def test_mistakes_name_place_and_nearest_key(tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    path.write_text('{"parallelism": {"max_worker": 7}, "retry": {"max_attempts": 0}, "resources": []}')

    with pytest.raises(SpecError) as caught:
        load_settings(path, env={})

    found = caught.value.mistakes
    assert "did you mean 'max_workers'?" in found["parallelism.max_worker"]
    assert {"retry.max_attempts", "resources"} <= set(found)


def test_workers_must_be_ordered() -> None:
    with pytest.raises(SpecError, match="min_workers <= default_workers"):
        load_settings(env={"PTX_PREFECT_PARALLELISM__MAX_WORKERS": "3"})


def test_a_named_file_must_exist(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="does not exist"):
        load_settings(tmp_path / "none.json", env={})


def test_the_state_directory_is_private(tmp_path: Path) -> None:
    path = state_dir({"PTX_STATE_DIR": str(tmp_path / "a" / "state")})

    assert path.stat().st_mode & 0o777 == 0o700


def test_a_state_directory_that_cannot_be_made_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(SpecError, match="PTX_STATE_DIR"):
        state_dir({"PTX_STATE_DIR": str(tmp_path / "file" / "state")})


def test_a_state_directory_that_cannot_be_written_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A mount that is read-only: permissions do not keep root out.
    monkeypatch.setattr("ptx_prefect.settings.os.access", lambda _path, _mode: False)

    with pytest.raises(SpecError, match="cannot be written; set PTX_STATE_DIR"):
        state_dir({"PTX_STATE_DIR": str(tmp_path)})
