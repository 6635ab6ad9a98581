"""The decision documentation: complete as data, safe and readable as a page."""

from __future__ import annotations

import base64
import json
import math
import re
from dataclasses import replace
from xml.etree import ElementTree

from ptx_prefect.vote.page import rationale_page, rationale_picture
from ptx_prefect.vote.picture import bars_svg, bars_text, pareto_svg, stacked_svg
from ptx_prefect.vote.rationale import Circumstances, rationale_of
from ptx_prefect.vote.rules import pareto, shares_of, weight_ranges, weighted_score
from ptx_prefect.vote.values import Decision, Difference, GateResult, Score, Timing

CRITERIA = ("performance", "readability", "maintainability")
ROWS = {"functional": (6, 9, 8), "imperative": (8, 6, 7), "hybrid": (10, 7, 9)}
SCORES = tuple(
    Score(name, criterion, value, value, value, source="given")
    for name, row in ROWS.items()
    for criterion, value in zip(CRITERIA, row, strict=True)
)


def decision(**more):
    ranked = weighted_score(SCORES)
    values = {
        "winner": "hybrid",
        "ranking": (*ranked.order, "broken"),
        "agreement_share": 0.6,
        "gated_out": ("broken",),
        "groups": (("hybrid", "functional"), ("imperative",)),
        "group_scores": (0.6, 0.4),
        "aggregation": "weighted_score",
        "gate": (
            GateResult("hybrid", True, (True, True), True),
            GateResult("broken", False, (), False, "SyntaxError: | `x` <script>"),
        ),
        "timings": (
            Timing("hybrid", 0.002, 0.001, (0.001, 0.0011), 3, 20480),
            Timing("imperative", math.inf, math.inf, capped=True),
        ),
        "scores": SCORES,
        "totals": ranked.totals,
        "sensitivity": weight_ranges(SCORES, "hybrid"),
        "difference": Difference("f(-1)", "0", "functional", "None"),
        "notes": ("the machine was busy",),
    }
    return Decision(**(values | more))


ABOUT = Circumstances(
    description="Find a user.",
    weights=shares_of(CRITERIA),
    not_measured={"charm": "nobody scored it"},
    sandbox=("no network",),
    load=0.7,
    behaviour_compared=True,
    hybrid={"outcome": "measured better and won", "taken": {"find": "imperative"}},
)


class TestData:
    def test_it_is_plain_json_without_infinities(self):
        text = json.dumps(rationale_of(decision(), ABOUT), allow_nan=False)

        assert json.loads(text) == rationale_of(decision(), ABOUT)

    def test_the_reason_names_totals_strengths_and_weaknesses(self):
        reason = rationale_of(decision(), ABOUT)["reason"]

        for part in (
            "hybrid",
            "26",
            "functional 23",
            "best on performance and maintainability",
            "behind on readability",
        ):
            assert part in reason

    def test_trade_offs_say_what_is_given_up_to_whom(self):
        (told,) = rationale_of(decision(), ABOUT)["trade_offs"]

        assert told == "hybrid gives up 2 points of readability to functional: 7 against 9."

    def test_the_runner_up_comes_with_its_margin_and_the_first_difference(self):
        second = rationale_of(decision(), ABOUT)["runner_up"]

        assert (second["name"], second["behind_by"]) == ("functional", 3)
        assert second["first_difference"]["call"] == "f(-1)"

    def test_agreement_is_turned_into_a_marked_estimate_only_if_behaviour_was_compared(self):
        assert rationale_of(decision(agreement_share=1.0), ABOUT)["confidence"]["estimate"] == 0.95
        assert rationale_of(decision(agreement_share=0.2), ABOUT)["confidence"]["estimate"] == 0.5
        assert rationale_of(decision())["confidence"]["estimate"] is None

    def test_two_that_agree_say_less_than_five(self):
        few = rationale_of(decision(agreement_share=1.0), replace(ABOUT, voters=2))["confidence"]

        assert (few["agreement_share"], few["estimate"]) == (1.0, 0.61)

    def test_a_tie_is_said_in_the_reason(self):
        assert "functional cannot be told" in rationale_of(decision(tied=("functional",)), ABOUT)["reason"]

    def test_keys_are_the_same_for_an_empty_decision(self):
        empty = rationale_of(Decision(None, (), 0.0))

        assert set(empty) == set(rationale_of(decision(), ABOUT))
        assert "no candidate" in empty["reason"]
        assert "no winner" in rationale_page(empty)


class TestPage:
    def test_everything_that_matters_is_on_it(self):
        page = rationale_page(rationale_of(decision(), ABOUT))

        for part in (
            "# Vote: hybrid",
            "| 1 | hybrid |",
            "**26**",
            "`f(-1)`",
            "**out**",
            "over the limit",
            "0% to 56%",
            "charm: nobody scored it",
            "no network",
            "Load per processor: 0.70",
            "find from imperative",
            "measured better and won",
            "chance that it is right: 72%",
        ):
            assert part in page, part

    def test_what_candidates_say_cannot_break_the_page(self):
        page = rationale_page(rationale_of(decision(), ABOUT))

        assert "<script>" not in page
        assert "SyntaxError: \\| `x` &lt;script>" in page

    def test_the_picture_is_embedded_and_has_a_text_form(self):
        page = rationale_page(rationale_of(decision(), ABOUT))
        (data,) = re.findall(r"data:image/svg\+xml;base64,([\w+/=]+)", page)

        assert ElementTree.fromstring(base64.b64decode(data)).tag.endswith("svg")
        assert "█" * 30 in page

    def test_a_pareto_vote_shows_its_plot(self):
        ranked = pareto(SCORES)
        chosen = decision(aggregation="pareto", totals=ranked.totals, ranking=ranked.order, pareto=ranked.front)
        page = rationale_page(rationale_of(chosen, ABOUT))
        (data,) = re.findall(r"data:image/svg\+xml;base64,([\w+/=]+)", page)

        assert b"<circle" in base64.b64decode(data)
        assert "Pareto front: hybrid, functional" in page

    def test_a_vote_without_scores_shows_the_times_that_were_measured(self):
        timings = (
            Timing("hybrid", 0.002, 0.001),
            Timing("imperative", 0.004, 0.003),
            Timing("slow", 9, 9, capped=True),
        )
        chosen = decision(aggregation="consensus", totals={}, scores=(), timings=timings, sensitivity={})
        picture = rationale_picture(rationale_of(chosen, ABOUT))

        assert picture is not None
        texts = [one.text for one in ElementTree.fromstring(picture).iter() if one.text]
        assert texts == ["CPU time of one pass, shorter is better", "hybrid", "1 ms", "imperative", "3 ms"]

    def test_a_vote_in_which_nothing_was_measured_has_no_picture(self):
        chosen = decision(aggregation="consensus", totals={}, scores=(), timings=(), sensitivity={})

        assert rationale_picture(rationale_of(chosen, ABOUT)) is None

    def test_ballots_are_drawn_as_bars_of_points(self):
        chosen = decision(aggregation="borda", totals={"hybrid": 6.0, "functional": 3.0})
        picture = rationale_picture(rationale_of(chosen, ABOUT))

        assert picture is not None
        bars = [float(one.get("width", "")) for one in ElementTree.fromstring(picture).iter() if one.get("rx")]
        assert bars == [260.0, 130.0]


class TestPicture:
    def test_any_name_gives_well_formed_svg(self):
        name = "<&\"'>" * 9
        for svg in (
            bars_svg({name: 3, "b": 0}, [name, "b"], out_of=3),
            pareto_svg({name: (3, 4)}, [name], name, ("<x>", "&y")),
            bars_svg({}, [], out_of=0),
            stacked_svg({name: {"<x>": 3.0, "&y": 4.0}}, [name], out_of=20),
        ):
            root = ElementTree.fromstring(svg)
            assert root.tag.endswith("svg")
            assert root.get("viewBox") == f"0 0 {int(root.get('width'))} {int(root.get('height'))}"

    def test_the_parts_of_a_total_are_as_long_as_their_share(self):
        root = ElementTree.fromstring(stacked_svg({"a": {"x": 10.0, "y": 5.0}}, ["a"], out_of=20))
        widths = [
            float(one.get("width")) for one in root.iter() if one.tag.endswith("rect") and one.get("height") == "16"
        ]

        assert widths == [130.0, 65.0]

    def test_the_axes_of_the_pareto_plot_run_up_and_to_the_right(self):
        root = ElementTree.fromstring(pareto_svg({"a": (10, 0), "b": (0, 10)}, ["a", "b"], "a", ("x", "y")))
        marks = [(float(one.get("x")), float(one.get("y"))) for one in root.iter() if one.text in ("0", "5", "10")]
        across, up = marks[:3], marks[3:]

        assert across == sorted(across) and len({y for _, y in across}) == 1
        assert up == sorted(up, key=lambda mark: -mark[1]) and len({x for x, _ in up}) == 1

    def test_bars_keep_the_proportions(self):
        lines = bars_text({"a": 10, "b": 5}, ["a", "b"], out_of=10, width=20).splitlines()

        assert [line.count("█") for line in lines] == [20, 10]
