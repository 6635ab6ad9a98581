"""Variables, blocks and shared limits of the Prefect server in a run."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
from prefect import get_client
from prefect.blocks.system import Secret
from prefect.client.schemas.actions import GlobalConcurrencyLimitCreate, WorkPoolCreate
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.variables import Variable

from ptx_prefect import RunError, SpecError, sectioning
from ptx_prefect.blocks import ModelCredentials, ResultStore
from ptx_prefect.engine.credentials import with_credentials
from ptx_prefect.engine.server_check import check_server, notes_on_server
from ptx_prefect.settings import Settings
from ptx_prefect.workers.model_calls import key_of

CANARY = 'canary-"key"-5c1d'


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def task(*components: dict[str, Any], **keys: Any) -> dict[str, Any]:
    main_task = {"description": "d", "components": list(components)}
    return {"task_id": "t", "mode": "sectioning", "main_task": main_task, **keys}


def shell(name: str, script: str, **config: Any) -> dict[str, Any]:
    return {"name": name, "worker": {"kind": "command", "argv": ["sh", "-c", script], **config}}


def test_a_variable_stands_for_any_value_and_counts_in_the_key() -> None:
    spec = task(shell("a", "echo {{ prefect.variables.word }}"), timeout_seconds="{{ prefect.variables.limit }}")
    Variable.set("limit", 60, overwrite=True)
    Variable.set("word", "one", overwrite=True)
    first = sectioning(spec)
    Variable.set("word", "two", overwrite=True)

    second = sectioning(spec)

    keys = [report["results"]["completed_sections"][0]["key"] for report in (first, second)]
    assert keys[0] != keys[1]
    assert Path("ptx-output/t/sections/a/log.txt").read_text() == "two\n"


def test_a_missing_variable_and_a_missing_block_are_told_with_their_place() -> None:
    with pytest.raises(SpecError, match=r"components\[0\]\.worker\.argv\[2\].*no Prefect variable is called 'nope'"):
        sectioning(task(shell("a", "echo {{ prefect.variables.nope }}")))
    with pytest.raises(SpecError, match=r"set_env\.T: there is no block 'nope' of the type 'secret'"):
        sectioning(task(shell("a", "true", set_env={"T": "{{ prefect.blocks.secret.nope }}"})))


def test_a_block_reaches_the_section_and_nothing_that_is_written(tmp_path: Path) -> None:
    Secret(value=CANARY).save("token", overwrite=True)
    script = 'echo $T; printf canary; sleep 0.2; printf \'%s\' \'-"key"-5c1d\'; echo "{\\"t\\": 1}" > $PTX_RESULT_FILE'
    say = shell("say", f'{script}; test "$T" = "$EXPECTED" && exit $CODE', env=["EXPECTED", "CODE"])
    say["worker"]["set_env"] = {"T": "{{ prefect.blocks.secret.token }}"}

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EXPECTED", CANARY)
        patch.setenv("CODE", "0")
        sectioning(task(say))
        patch.setenv("CODE", "3")
        with pytest.raises(RunError) as failed:
            sectioning(task(say))

    assert CANARY not in json.dumps(failed.value.report) + str(failed.value)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    told = CANARY.encode(), json.dumps(CANARY)[1:-1].encode()
    assert [path for path in files if any(text in path.read_bytes() for text in told)] == []
    assert "[prefect.blocks.secret.token]" in Path("ptx-output/t/sections/say/log.txt").read_text()


def test_a_model_takes_its_key_from_a_credentials_block() -> None:
    ModelCredentials(provider="openai", api_key="sk-1", base_url="http://127.0.0.1:9/v1").save("team", overwrite=True)
    settings = with_credentials(Settings.model_validate({"models": {"m": {"model": "x", "credentials": "team"}}}))

    from ptx_prefect.run.models import model_of

    model = model_of("m", settings)
    assert (model.provider, model.base_url, key_of(model)) == ("openai", "http://127.0.0.1:9/v1", "sk-1")
    assert "sk-1" not in json.dumps(model.to_json())
    assert model_of(model.to_json(), settings) == model
    with pytest.raises(SpecError, match=r"models\.m\.credentials.*no block 'nope'"):
        with_credentials(Settings.model_validate({"models": {"m": {"credentials": "nope"}}}))


def test_finished_sections_are_shared_through_a_result_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ResultStore(address=(tmp_path / "shared").as_uri()).save("team", overwrite=True)
    monkeypatch.setenv("PTX_PREFECT_RESULT_STORAGE", "ptx-result-store/team")
    spec = task(shell("a", "echo once >> ../count"), workdir=str(tmp_path))
    (tmp_path / "sub").mkdir()
    spec["workdir"] = str(tmp_path / "sub")
    sectioning(spec)
    monkeypatch.setenv("PTX_STATE_DIR", str(tmp_path / "another machine"))

    report = sectioning(spec)

    assert report["execution_summary"]["reused_sections"] == 1
    assert (tmp_path / "count").read_text() == "once\n"


def test_a_storage_that_does_not_work_is_told_before_anything_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PTX_PREFECT_RESULT_STORAGE", "ptx-result-store/nope")

    with pytest.raises(SpecError, match="'ptx-result-store/nope' cannot be used"):
        sectioning(task(shell("a", "touch ran")))

    assert not Path("ran").exists()


def test_a_shared_limit_holds_and_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    with get_client(sync_client=True) as client:
        client.create_global_concurrency_limit(GlobalConcurrencyLimitCreate(name="one", limit=1))
        monkeypatch.setenv("PTX_PREFECT_LIMITS", '[{"name": "one", "workers": ["command"]}]')
        script = "mkdir alone && sleep 0.3 && rmdir alone"  # fails where two do it at once

        report = sectioning(task(*(shell(f"s{index}", script) for index in range(4))))

        left = client.read_global_concurrency_limit_by_name("one")
    assert report["status"] == "success"
    assert all(row["attempts"] == 1 for row in report["results"]["completed_sections"])
    assert left.active_slots == 0


def test_limits_that_are_not_there_stop_the_run_or_are_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PTX_PREFECT_LIMITS", '[{"name": "nope"}]')
    monkeypatch.setenv("PTX_PREFECT_WORK_QUEUE", "nopool/default")
    with pytest.raises(SpecError, match=r"limits\[0\].*no limit 'nope'[\s\S]*work_queue.*'nopool/default'"):
        sectioning(task(shell("a", "true")))

    monkeypatch.setenv("PTX_PREFECT_STRICT_LIMITS", "false")
    report = sectioning(task(shell("a", "true")))

    assert report["status"] == "success" and sum("nop" in note for note in report["notes"]) == 2


def test_a_work_queue_bounds_the_sections_of_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    with get_client(sync_client=True) as client:
        client.create_work_pool(WorkPoolCreate(name="bounded", type="process", concurrency_limit=1))
    monkeypatch.setenv("PTX_PREFECT_WORK_QUEUE", "bounded/default")

    report = sectioning(task(*(shell(f"s{index}", "mkdir alone && sleep 0.2 && rmdir alone") for index in range(3))))

    assert report["execution_summary"]["parallel_executions"] == 1


class _Answers(BaseHTTPRequestHandler):
    body = b'"2.19.0"'

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *_: Any) -> None:
        """Quiet."""


@pytest.fixture
def other_server() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), _Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/api"
    server.shutdown()


def test_a_server_that_does_not_fit_is_told_in_words(other_server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with temporary_settings({PREFECT_API_URL: other_server}):
        with pytest.raises(RunError, match=r"is version 2\.19\.0, this client is 3.*install prefect 2\.x"):
            check_server()
        monkeypatch.setattr(_Answers, "body", b'"3.0.1"')
        check_server()
        assert "older than this client" in notes_on_server()[0]
        monkeypatch.setattr(_Answers, "body", b"<html>")
        with pytest.raises(RunError, match=r"does not answer|no Prefect server"):
            check_server()
    with (
        temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}),
        pytest.raises(RunError, match=r"does not answer.*prefect server start"),
    ):
        check_server()


def test_prefect_finds_the_blocks_by_itself_and_they_cost_it_little() -> None:
    found = [point for point in entry_points(group="prefect.collections") if point.value == "ptx_prefect.blocks"]
    if not found:
        pytest.skip("ptx-prefect is not installed here (or was, before it had blocks): pip install -e .")
    kinds = "ptx-model-credentials", "ptx-result-store"
    code = (
        "import prefect.main, prefect.blocks.core, prefect.filesystems, sys\n"
        "from prefect.plugins import load_prefect_collections\n"
        "from prefect.utilities.dispatch import lookup_type\n"
        "before = set(sys.modules)\n"
        "load_prefect_collections()\n"
        f"print([lookup_type(prefect.blocks.core.Block, k).__name__ for k in {kinds!r}])\n"
        "print(sorted(m for m in set(sys.modules) - before if m.startswith('ptx_prefect')))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    classes, modules = done.stdout.splitlines()[-2:]
    assert classes == "['ModelCredentials', 'ResultStore']"
    assert set(json.loads(modules.replace("'", '"'))) == {"ptx_prefect", "ptx_prefect.blocks", "ptx_prefect.errors"}


def test_the_blocks_can_be_registered_with_a_server() -> None:
    for block in (ModelCredentials, ResultStore):
        block.register_type_and_schema()
    with get_client(sync_client=True) as client:
        slugs = {row.slug for row in client.read_block_types()}

    assert {"ptx-model-credentials", "ptx-result-store"} <= slugs
