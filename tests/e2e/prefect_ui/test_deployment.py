"""Our deployments on a real server: triggered through the API, refused where wrong, served without a work pool."""

from __future__ import annotations

import subprocess
from pathlib import Path

import httpx
import pytest

from tests.e2e.prefect_ui.served import ENDED, PREFECT, PTX, ROOT, Served, task
from tests.e2e.programs import end_group, wait_for


def test_a_triggered_run_completes_with_its_artifacts(deployed: Served, place: Path) -> None:
    run = deployed.run_to_its_end("sectioning/sectioning", task("deployed 2", "true", "echo hi"))

    artifacts = deployed.artifacts_of(run["id"])
    page = artifacts["report-deployed-2"]["data"]
    assert run["state"]["type"] == "COMPLETED", run["state"]["message"]
    assert run["name"] == "sectioning: deployed 2"
    assert set(run["tags"]) == {"ptx", "sectioning"}
    assert set(artifacts) == {"plan-deployed-2", "progress-deployed-2", "report-deployed-2"}
    assert "data:image/svg+xml" in page and "](/runs/task-run/" in page
    # Where `ptx deploy` was called.
    assert (place / "ptx-output" / "deployed-2" / "report.json").is_file()


def test_a_run_with_a_failed_section_is_failed(deployed: Served) -> None:
    run = deployed.run_to_its_end("execute/execute", task("deployed 3", "true", "exit 1", "true"))

    assert run["state"]["type"] == "FAILED"
    assert "s1" in run["state"]["message"]


def test_what_does_not_fit_the_form_is_refused_when_the_run_is_created(deployed: Served) -> None:
    wrong_type = task("t", "true", parallelism_hint="many")
    unknown_key = task("t", "true", paralelism_hint=2)

    for spec, told in ((wrong_type, "parallelism_hint"), (unknown_key, "paralelism_hint")):
        with pytest.raises(httpx.HTTPStatusError) as error:
            deployed.trigger("sectioning/sectioning", spec)
        assert error.value.response.status_code == 409
        assert told in error.value.response.json()["detail"]


@pytest.mark.server
def test_nulls_for_what_may_be_left_out_are_taken(deployed: Served) -> None:
    spec = task("t", "true", parallelism_hint=None, output_dir=None, budget=None, base=None)

    run = deployed.trigger("sectioning/sectioning", spec)

    deployed.in_state(run["id"], "COMPLETED")


def test_other_mistakes_are_told_at_the_start_all_at_once(deployed: Served) -> None:
    spec = task("t", "true")
    spec["main_task"]["components"][0]["depends_on"] = ["s9"]
    spec["main_task"]["suite"] = {"args": ["tests"]}

    run = deployed.run_to_its_end("sectioning/sectioning", spec)

    assert run["state"]["type"] == "FAILED"
    assert "2 mistakes" in run["state"]["message"]
    assert "no component is called 's9'" in run["state"]["message"]


def test_the_nightly_example_is_off(deployed: Served) -> None:
    (nightly,) = deployed.deployment("sectioning/sectioning")["schedules"]

    assert nightly["active"] is False and nightly["slug"] == "nightly"
    assert deployed.deployment("execute/execute")["description"]


@pytest.mark.server
def test_the_file_deploys_by_itself_too(deployed: Served) -> None:
    deploy = [*PREFECT, "deploy", "--prefect-file", "deployments/prefect.yaml", "--name", "voting"]

    before = deployed.deployment("voting/voting")["updated"]

    subprocess.run(deploy, env=deployed.env, check=True, cwd=ROOT)

    assert deployed.deployment("voting/voting")["updated"] > before


def has_deployment(served: Served, name: str) -> bool:
    return served.client.get(f"/deployments/name/{name}").is_success


@pytest.mark.server
def test_served_flows_need_no_work_pool(deployed: Served, tmp_path: Path) -> None:
    with (tmp_path / "serve.log").open("wb") as log:
        serving = subprocess.Popen(
            [*PTX, "serve", "--name", "here"],
            env=deployed.env,
            stdout=log,
            stderr=log,
            start_new_session=True,
            cwd=tmp_path,
        )
    try:
        wait_for("served flows", lambda: has_deployment(deployed, "execute/here"), seconds=120)
        run = deployed.trigger("execute/here", task("served", "true"))
        deployed.in_state(run["id"], *ENDED)

        assert deployed.run(run["id"])["state"]["type"] == "COMPLETED"
        assert (tmp_path / "ptx-output" / "served" / "report.json").is_file()
    finally:
        end_group(serving)


@pytest.mark.server
def test_serving_under_a_name_that_is_on_a_pool_is_refused(deployed: Served, tmp_path: Path) -> None:
    done = deployed.ptx("serve", cwd=tmp_path)

    assert done.returncode == 2
    assert "execute/execute: is on the work pool 'ptx'" in done.stderr


@pytest.mark.server
def test_a_flow_that_is_none_of_ours_is_told(deployed: Served, tmp_path: Path) -> None:
    done = deployed.ptx("deploy", "sectionning", cwd=tmp_path)

    assert done.returncode == 2
    assert "did you mean 'sectioning'?" in done.stderr
