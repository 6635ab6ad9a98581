"""`review: pause`: the run waits, the answer decides what is published, nothing is lost where nobody answers."""

from __future__ import annotations

import io
import json
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from prefect.client.orchestration import get_client
from prefect.states import Cancelling

from ptx_prefect import RunError, sectioning
from ptx_prefect.cli import main
from ptx_prefect.engine import pause
from ptx_prefect.engine.waiting import Waiting, all_waiting
from ptx_prefect.settings import state_dir

BASE = 'def greet(name):\n    return "hello " + name\n'


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pause, "POLL_S", 0.2)


def spec(tmp_path: Path, *words: str, checks: Any = (), timeout_s: float = 60.0) -> dict[str, Any]:
    base = tmp_path / "base"
    base.mkdir(exist_ok=True)
    (base / "app.py").write_text(BASE)
    components = [
        {"name": word, "worker": {"kind": "command", "argv": ["sed", "-i", f"s/hello/{word}/", "app.py"]}}
        for word in words
    ]
    return {
        "task_id": "reviewed",
        "mode": "sectioning",
        "main_task": {"description": "d", "components": components},
        "base": str(base),
        "validate": checks,
        "review": "pause",
        "review_timeout_seconds": timeout_s,
        "output_dir": str(tmp_path / "out"),
        "workdir": str(tmp_path),
    }


class Answering(threading.Thread):
    """Answers each review of the run in turn, from another thread, as `ptx review` does."""

    def __init__(self, *answers: Any) -> None:
        super().__init__(daemon=True)
        self.answers, self.said, self.state = answers, list[Any](), state_dir()

    def run(self) -> None:
        since = 0.0
        for answer in self.answers:
            row = self._next(since)
            since = row.since_s
            time.sleep(0.5)  # the pause follows the note
            self.said.append(answer(row))

    def _next(self, since: float) -> Waiting:
        for _ in range(600):
            rows = [row for row in all_waiting(self.state) if row.since_s > since]
            if rows:
                return rows[0]
            time.sleep(0.1)
        raise TimeoutError("no run waits")


def by_command(answer: str) -> Any:
    return lambda row: main(["review", row.run_id, "--answer", answer])


def published(tmp_path: Path) -> str:
    return (tmp_path / "out" / "merged" / "app.py").read_text()


def test_the_chosen_side_is_published(tmp_path: Path) -> None:
    person = Answering(by_command('{"publish": "approve", "place_1": "take \'hi\'"}'))
    person.start()

    report = sectioning(spec(tmp_path, "moin", "hi"))

    assert person.said == [0]
    assert published(tmp_path) == BASE.replace("hello", "hi")
    assert report["results"]["manual_review_required"] == []
    assert report["results"]["review"]["outcome"] == "approved"
    assert all_waiting(state_dir()) == ()


def test_an_answer_that_cannot_be_carried_out_is_asked_again(tmp_path: Path) -> None:
    marked = '{"publish": "approve", "place_1": "edited text", "place_1_text": "<<<<<<< x"}'
    broken = '{"publish": "approve", "place_1": "edited text", "place_1_text": "    return ("}'
    good = '{"publish": "approve", "place_1": "edited text", "place_1_text": "    return name"}'
    person = Answering(by_command(marked), by_command(broken), by_command(good))
    person.start()

    report = sectioning(spec(tmp_path, "moin", "hi"))

    assert report["results"]["review"]["rounds"] == 3
    assert published(tmp_path) == "def greet(name):\n    return name\n"


def test_a_wrong_choice_leaves_the_run_waiting(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def wrong_then_right(row: Waiting) -> tuple[int, int, int]:
        first = main(["review", row.run_id, "--answer", '{"publish": "perhaps"}'])
        second = main(["review", row.run_id, "--answer", '{"publish": "approve"}'])
        return first, second, main(["review", row.run_id, "--answer", '{"publish": "reject"}'])

    person = Answering(wrong_then_right)
    person.start()

    report = sectioning(spec(tmp_path, "moin"))

    # The second person to answer is told so.
    assert person.said == [(1, 0, 1)]
    assert "'perhaps' is not one of" in (told := capsys.readouterr().err) and "somebody may have answered" in told
    assert report["status"] == "success"


def test_a_rejected_merge_is_not_published_and_not_lost(tmp_path: Path) -> None:
    person = Answering(by_command('{"publish": "reject"}'))
    person.start()

    with pytest.raises(RunError) as error:
        sectioning(spec(tmp_path, "moin"))

    results: Any = (error.value.report or {})["results"]
    assert not (tmp_path / "out" / "merged").exists()
    assert (tmp_path / "out" / "review" / "merged" / "app.py").read_text() == BASE.replace("hello", "moin")
    assert "rejected" in results["manual_review_required"][0]["reason"]


def test_nobody_answers(tmp_path: Path) -> None:
    with pytest.raises(RunError) as error:
        sectioning(spec(tmp_path, "moin", "hi", timeout_s=1.5))

    report: Any = error.value.report
    reasons = [row["reason"] for row in report["results"]["manual_review_required"]]
    assert any("nobody answered" in reason for reason in reasons) and len(reasons) == 2
    assert report["results"]["review"]["outcome"] == "unanswered"
    assert (tmp_path / "out" / "report.json").is_file()

    # Asked again, nothing is done twice.
    person = Answering(by_command('{"publish": "approve"}'))
    person.start()
    again: Any = None
    try:
        again = sectioning(spec(tmp_path, "moin", "hi"))
    except RunError as second:
        again = second.report
    assert again["execution_summary"]["reused_sections"] == 2
    assert published(tmp_path) == BASE.replace("hello", "moin")


def test_what_fails_the_checks_may_stay_out(tmp_path: Path) -> None:
    person = Answering(by_command('{"publish": "approve"}'))
    person.start()

    with pytest.raises(RunError) as error:
        sectioning(spec(tmp_path, "moin", checks=[["sh", "-c", "! grep -q moin app.py"]]))

    report: Any = error.value.report
    assert report["results"]["review"]["outcome"] == "approved"


def test_a_run_cancelled_while_it_waits_ends(tmp_path: Path) -> None:
    def cancel(row: Waiting) -> None:
        with get_client(sync_client=True) as client:
            client.set_flow_run_state(row.run_id, Cancelling())

    person = Answering(cancel)
    person.start()

    with pytest.raises(BaseException, match=r"(?i)cancel"):
        sectioning(spec(tmp_path, "moin"))

    assert "cancelled" in (tmp_path / "out" / "report.json").read_text()
    assert not (tmp_path / "out" / "merged").exists()


class Terminal(io.StringIO):
    """What a person types, line by line."""

    def isatty(self) -> bool:
        return True


def test_in_a_terminal_each_question_is_asked_in_turn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Take an edited text, write it in the editor, approve."""

    def look_then_answer(row: Waiting) -> tuple[int, ...]:
        codes = [main(["review"]), main(["review", row.name, "--show"])]
        codes += [main(["review", row.run_id, "--answer", wrong]) for wrong in ("[1]", "{", "@nowhere.json")]
        codes.append(main(["review", row.run_id]))
        edited = str(schema_of(capsys)["properties"]["place_1"]["enum"].index("edited text") + 1)
        monkeypatch.setattr("click.edit", lambda text: "    return name\n")
        monkeypatch.setattr("sys.stdin", Terminal(f"{edited}\n1\n"))
        return (*codes, main(["review", row.run_id]))

    person = Answering(look_then_answer)
    person.start()
    report = sectioning(spec(tmp_path, "moin", "hi", timeout_s=240))

    assert person.said == [(0, 0, 2, 2, 2, 2, 0)]
    assert published(tmp_path) == "def greet(name):\n    return name\n"
    assert report["results"]["review"]["outcome"] == "approved"


def schema_of(capsys: pytest.CaptureFixture[str]) -> Any:
    """The form that `--show` printed, below the page; what was told of mistakes is looked at as well."""
    shown = capsys.readouterr()
    assert "answer with `ptx review RUN`" in shown.out
    for told in ("takes an object", "cannot be read as JSON", "is needed where there is no terminal"):
        assert told in shown.err
    return json.loads(shown.out[shown.out.index("\n{\n") :])


def test_where_nothing_waits_that_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["review"]) == 0
    assert capsys.readouterr().out == "no run of this machine waits for a review\n"
    assert main(["review", "no such run"]) == 1
    assert "no flow run is called 'no such run'" in capsys.readouterr().err
