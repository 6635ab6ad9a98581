"""Plans that are too large to be shown whole say so, and say where the rest is."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from ptx_prefect.plan.draw import plan_dot, plan_mermaid, plan_svg
from ptx_prefect.plan.make import make_plan
from ptx_prefect.plan.plan import Plan
from ptx_prefect.plan.show import plan_text
from ptx_prefect.settings import Settings
from ptx_prefect.spec import SectioningSpec, parse_spec

COUNT = 300


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    """Two wide waves: the first 250 sections, and 50 that wait for one of them each."""
    rows = [{"name": f"s{n}", **({"depends_on": [f"s{n - 200}"]} if n >= 250 else {})} for n in range(COUNT)]
    main = {"description": "d", "components": rows}
    worker = {"kind": "command", "argv": ["true"]}
    spec = parse_spec({"task_id": "t", "mode": "sectioning", "main_task": main, "worker": worker})
    assert isinstance(spec, SectioningSpec)
    return make_plan(spec, Settings(), state_dir=tmp_path_factory.mktemp("state"))


def test_the_bill_stops_and_names_what_shows_all(plan: Plan) -> None:
    text = plan_text(plan)

    assert "\nwave 1\n" in text and "\nwave 2\n" not in text
    assert f"more of {COUNT} sections; --json shows all" in text
    assert len(text.splitlines()) < COUNT


def test_the_picture_says_how_many_it_draws(plan: Plan) -> None:
    """An arrow that would lead out of the picture is left out."""
    drawing = ElementTree.fromstring(plan_svg(plan))
    texts = [one.text or "" for one in drawing.iter("{http://www.w3.org/2000/svg}text")]

    assert any(f"the first 200 of {COUNT} sections" in text for text in texts)
    assert "s199" in texts and "s200" not in texts
    assert not any(one.get("fill") == "none" for one in drawing.iter("{http://www.w3.org/2000/svg}path"))


def test_graphs_for_other_programs_hold_every_section(plan: Plan) -> None:
    assert all(f'"s{n}"' in plan_dot(plan) for n in (0, COUNT - 1))
    assert plan_mermaid(plan).count("-->") == 50
