"""A real browser on Prefect's UI: fill the form, start a run, read the report; paste a vote; answer a review.

`make test-browser` runs them; ``PTX_SCREENSHOTS`` names a directory for the pictures.
"""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.prefect_ui.served import ENDED, ROOT, Served, clashing_task

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(600),
    pytest.mark.skipif(
        not Path("/usr/bin/chromium").exists(), reason="no /usr/bin/chromium (apt-get install chromium)"
    ),
    pytest.mark.skipif(importlib.util.find_spec("playwright") is None, reason="no playwright (the extra `browser`)"),
]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    from tests.e2e.prefect_ui.browser import opened_page

    with opened_page(tmp_path_factory.mktemp("profile")) as found:
        yield found


def newest_run(served: Served, name: str) -> dict[str, Any]:
    return served.runs_of(served.deployment(name)["id"])[-1]


def open_form(page: Page, served: Served, name: str) -> None:
    page.goto(f"{served.url}/v2/deployments/deployment/{served.deployment(name)['id']}/run")
    page.get_by_role("button", name="Submit").wait_for()


def submit(page: Page, served: Served, name: str) -> str:
    """Start the run; once more where the server's database is busy, as a person does. Returns its id."""
    before = {run["id"] for run in served.runs_of(served.deployment(name)["id"])}
    for _ in range(5):
        with page.expect_response(re.compile("/create_flow_run")) as answered:
            page.get_by_role("button", name="Submit").click()
        if answered.value.status != 503:
            break
    assert answered.value.ok, answered.value.text()
    made: str = answered.value.json()["id"]
    assert made not in before
    return made


def open_artifact(page: Page, served: Served, run_id: str, key: str) -> None:
    """As a person does: the run's page, its artifacts, the one of that name, its newest version."""
    page.goto(f"{served.url}/v2/runs/flow-run/{run_id}")
    page.get_by_role("tab", name="Artifacts").click()
    page.get_by_role("link", name=key).first.click()
    page.locator("a[href*='/artifacts/artifact/']").first.click()


def test_a_person_fills_the_form_and_reads_the_report(deployed: Served, page: Page) -> None:
    from tests.e2e.prefect_ui.browser import add_text, box, picture, until_still

    open_form(page, deployed, "sectioning/sectioning")
    page.get_by_label("Task ID").fill("by hand")
    page.get_by_label("Description").first.fill("Two sections, one after the other")
    for index, (name, seconds) in enumerate((("backend", "2"), ("frontend", "1"))):
        box(page, "Components").get_by_role("button", name="Add item").last.click()
        page.get_by_label("Name", exact=True).nth(index).fill(name)
        page.get_by_role("tab", name="Command", exact=True).nth(index).click()
        add_text(page, "Command line", "sleep", seconds, nth=index)
    add_text(page, "Depends on", "backend", nth=1)
    page.get_by_label("Task ID").scroll_into_view_if_needed()
    picture(page, "form", height=1500)
    run_id = submit(page, deployed, "sectioning/sectioning")
    run = deployed.in_state(run_id, *ENDED)
    page.goto(f"{deployed.url}/v2/runs/flow-run/{run_id}")
    page.get_by_text("Completed").first.wait_for()
    until_still(page.locator("canvas").first)
    picture(page, "run", height=560)

    assert run["state"]["type"] == "COMPLETED", run["state"]["message"]
    assert run["parameters"]["spec"]["main_task"]["components"][1]["depends_on"] == ["backend"]

    open_artifact(page, deployed, run_id, "report-by-hand")
    page.get_by_role("heading", name="by hand: success").wait_for()
    drawn = page.get_by_role("img", name="who worked when")
    assert drawn.evaluate("image => image.naturalWidth") > 0
    picture(page, "report", height=1150)
    page.get_by_role("link", name="frontend").click()
    page.get_by_text("section: frontend").first.wait_for()
    assert "/task-run/" in page.url

    open_artifact(page, deployed, run_id, "plan-by-hand")
    plan = page.get_by_role("img", name="graph and predicted timeline")
    plan.wait_for()
    assert plan.evaluate("image => image.naturalWidth") > 0
    picture(page, "plan", height=800)


def test_a_wrong_value_is_refused_in_the_form(deployed: Served, page: Page) -> None:
    open_form(page, deployed, "sectioning/sectioning")
    page.get_by_label("Task ID").fill("wrong")
    before = len(deployed.runs_of(deployed.deployment("sectioning/sectioning")["id"]))

    page.get_by_role("button", name="Submit").click()
    page.get_by_text(re.compile("required|is not valid|validation", re.IGNORECASE)).first.wait_for()

    assert len(deployed.runs_of(deployed.deployment("sectioning/sectioning")["id"])) == before


def test_a_vote_is_pasted_as_json_and_its_rationale_read(deployed: Served, page: Page) -> None:
    from tests.e2e.prefect_ui.browser import paste_json, picture

    spec = json.loads((ROOT / "examples" / "search_voting.json").read_text())
    spec = {**spec, "task_id": "search", "workdir": str(ROOT)}
    open_form(page, deployed, "voting/voting")
    paste_json(page, "spec", json.dumps(spec))
    picture(page, "json")
    run_id = submit(page, deployed, "voting/voting")
    run = deployed.in_state(run_id, *ENDED)

    assert run["state"]["type"] == "COMPLETED", run["state"]["message"]

    open_artifact(page, deployed, run_id, "vote-rationale")
    page.get_by_role("heading", name=re.compile("^Vote: ")).wait_for()
    drawn = page.locator("img[src^='data:image/svg']").first
    assert drawn.evaluate("image => image.naturalWidth") > 0
    picture(page, "rationale", height=1500)


def test_a_person_answers_a_review(deployed: Served, page: Page, tmp_path: Path) -> None:
    from tests.e2e.prefect_ui.browser import choose, picture

    run_id = deployed.trigger("sectioning/sectioning", clashing_task("to review", tmp_path))["id"]
    deployed.in_state(run_id, "PAUSED")
    page.goto(f"{deployed.url}/v2/runs/flow-run/{run_id}")
    page.get_by_text("Paused").first.wait_for()
    page.get_by_role("button", name="Open menu").last.click()
    page.get_by_role("menuitem", name="Resume").click()
    choose(page, "1. app.py", "take 's1'")
    choose(page, "Publish", "approve")
    picture(page, "review", height=1150)
    page.get_by_role("dialog").get_by_role("button", name="Resume").click()
    run = deployed.in_state(run_id, *ENDED)

    assert run["state"]["type"] == "COMPLETED", run["state"]["message"]
    assert "servus" in (tmp_path / "out" / "merged" / "app.py").read_text()
