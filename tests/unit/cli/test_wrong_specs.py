"""Many ways to get a task wrong: each time one error that names the place and the remedy, and exit code 2."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ptx_prefect.cli import main

ECHO = {"kind": "command", "argv": ["echo"]}
PART = {"name": "a", "worker": ECHO}


def sectioning(*components: Any, **more: Any) -> dict[str, Any]:
    main_task: dict[str, Any] = {"description": "d", "components": list(components) or [PART]}
    return {"task_id": "t", "mode": "sectioning", "main_task": main_task} | more


def derived(**main_task: Any) -> dict[str, Any]:
    return {"task_id": "t", "mode": "sectioning", "main_task": {"description": "d"} | main_task, "worker": ECHO}


JUDGE = {"kind": "callable", "target": "json:loads"}
OWN_MODEL = {"provider": "openai", "model": "nobody-knows-it", "base_url": "http://127.0.0.1:9/v1", "key_env": ""}


def voting(voters: Any = None, *, more: dict[str, Any] | None = None, **main_task: Any) -> dict[str, Any]:
    voters = [{"name": "a", "source": "f = int"}] if voters is None else voters
    task = {"description": "d", "entry_point": "f", "tests": ["assert f(1) == 1"]} | main_task
    return {"task_id": "t", "mode": "voting", "main_task": task, "voters": voters} | (more or {})


CASES: dict[str, tuple[Any, str, str]] = {
    # relations
    "a long circle": (
        sectioning(*[PART | {"name": f"s{n}", "depends_on": [f"s{(n + 1) % 30}"]} for n in range(30)]),
        "main_task.components",
        "-> ... 20 more ... ->",
    ),
    "two outputs": (
        sectioning(base=".", merged_output={"directory": "out", "branch": "b"}),
        "merged_output",
        "takes exactly one of directory, branch, patches",
    ),
    "a pause with nothing to review": (sectioning(review="pause"), "review", "'pause' is for tasks with a base"),
    "a number that is none": (sectioning(parallelism_hint=True), "parallelism_hint", "takes a number, found true"),
    "a package that is not there": (
        sectioning(base="package:no_such_package_anywhere"),
        "base",
        "names no installed package; install it, or name a directory",
    ),
    # keys
    "key of the task": (sectioning(paralelism_hint=3), "paralelism_hint", "did you mean 'parallelism_hint'?"),
    "key of a component": (
        sectioning(PART | {"depend_on": []}),
        "main_task.components[0].depend_on",
        "did you mean 'depends_on'?",
    ),
    "key of a worker": (
        sectioning("a", worker={"kind": "command", "argv": ["echo"], "set_emv": {}}),
        "worker.set_emv",
        "did you mean 'set_env'?",
    ),
    "mode": ({"task_id": "t", "mode": "sectoning"}, "mode", "did you mean 'sectioning'?"),
    "no mode": ({"task_id": "t"}, "mode", "'voting' compares approaches"),
    "no task_id": ({"mode": "sectioning", "main_task": {"description": "d"}}, "task_id", "is required"),
    "kind of worker": (sectioning("a", worker="comand"), "worker.kind", "did you mean 'command'?"),
    "worker without kind": (sectioning("a", worker={"argv": ["echo"]}), "worker.kind", "is required"),
    "no worker": (sectioning("a"), "main_task.components[0]", "name one here (worker)"),
    "level": (derived(level="files"), "main_task.level", "did you mean 'file'?"),
    "root beside components": (
        derived(components=[PART], root="."),
        "main_task.root",
        "has no effect beside components: leave it out, or set level to 'file' or 'module'",
    ),
    "include at level test": (derived(level="test", include=["a/*"]), "main_task.include", "to 'file' or 'module'"),
    "files of a section that is written out": (
        sectioning("a", worker={"kind": "command", "argv": ["echo", "{files}"]}),
        "worker.argv",
        "{files} stands for the files of derived sections",
    ),
    "files of a component's own worker": (
        sectioning({"name": "a", "worker": {"kind": "command", "argv": ["echo", "{files}"]}}),
        "main_task.components[0].worker.argv",
        "{files} stands for the files of derived sections",
    ),
    "files inside an argument": (
        derived(level="file", root=".") | {"worker": {"kind": "command", "argv": ["sh", "-c", "echo {files}"]}},
        "worker.argv",
        """for a shell: ["sh", "-c", "fix \\"$@\\"", "sh", "{files}"]""",
    ),
    "a package and a path": (
        sectioning(base={"package": "json", "path": "."} | {"path": "src"}),
        "base",
        "names the package 'json' and the path 'src'",
    ),
    "an empty name": (sectioning(""), "main_task.components[0]", "must not be empty"),
    "no criterion": (voting(evaluation_criteria=[]), "main_task.evaluation_criteria", "must not be empty"),
    "an entry point that is no name": (voting(entry_point="a b"), "main_task.entry_point", "is no name of a function"),
    "sections at level file": (derived(level="file", root=".", sections=3), "main_task.sections", "to 'module'"),
    "history beside components": (
        derived(components=[PART], cut_by_history=True),
        "main_task.cut_by_history",
        "no effect",
    ),
    "interpreter of a suite": (
        derived(level="test", suite={"python": "/no/such/python"}),
        "main_task.suite.python",
        "there is no interpreter '/no/such/python'",
    ),
    "rule": (voting(more={"aggregation": "weighted"}), "aggregation", "did you mean 'weighted_score'?"),
    "weight of nothing": (voting(more={"weights": {"beauty": 1}}), "weights", "are not among the evaluation_criteria"),
    # types
    "text for an object": (
        {"task_id": "t", "mode": "voting", "main_task": "do it", "voters": ["a"]},
        "main_task",
        "takes an object",
    ),
    "object for a list": (derived(components={"a": 1}), "main_task.components", "takes a list, found {'a': 1}"),
    "number for a worker": (sectioning(worker=3), "worker", "takes text or an object, found 3"),
    "text for a number": (sectioning(timeout_seconds="soon"), "timeout_seconds", "takes a number, found 'soon'"),
    "true for a number": (sectioning(timeout_seconds=True), "timeout_seconds", "takes a number, found true"),
    "list of lists": (sectioning([[["a"]]]), "main_task.components[0]", "takes text or an object"),
    # numbers
    "negative time": (sectioning(timeout_seconds=-1), "timeout_seconds", "must be above 0, found -1"),
    "endless time": (sectioning(timeout_seconds=1e300), "timeout_seconds", "at most 604800"),
    "infinite time": (sectioning(timeout_seconds=float("inf")), "timeout_seconds", "at most 604800"),
    "no number": (sectioning(timeout_seconds=float("nan")), "timeout_seconds", "found nan"),
    "a million workers": (sectioning(parallelism_hint=10**6), "parallelism_hint", "at most 1000"),
    "long number": ('{"task_id": ' + "9" * 9999 + "}", "the JSON", "9999 digits"),
    "score": (voting([{"name": "a", "source": "f = 1", "scores": {"x": 11}}]), "voters[0].scores.x", "at most 10"),
    # relations
    "circle": (
        sectioning({"name": "a", "depends_on": ["b"]}, {"name": "b", "depends_on": ["a"]}),
        "main_task.components",
        "in a circle: 'a' -> 'b' -> 'a'; drop one depends_on",
    ),
    "unknown dependency": (
        sectioning(PART | {"name": "alpha"}, PART | {"depends_on": ["alfa"]}),
        "main_task.components[1].depends_on[0]",
        "did you mean 'alpha'?",
    ),
    "two of one name": (sectioning(PART, PART), "main_task.components[1].name", "names are unique"),
    "nothing to do": (derived(), "main_task", "has nothing to do"),
    "no entry point": (voting(entry_point=None), "main_task.entry_point", "what do the candidates define?"),
    "no voters": (voting([]), "voters", "must not be empty"),
    "test that does not parse": (voting(tests=["assert f( =="]), "main_task.tests[0]", "is not Python in line 1"),
    # files
    "no base": (sectioning(base="nowhere"), "base", "does not exist; name a directory"),
    "no revision": (
        sectioning(base={"path": ".", "revision": "nope"}),
        "base.revision",
        "name a branch, tag or commit",
    ),
    "no package": (sectioning(base="package:no_such"), "base", "names no installed package"),
    "no root": (derived(level="file", root="nowhere"), "main_task.root", "is not a directory"),
    "no workdir": (sectioning(workdir="nowhere"), "workdir", "is not a directory"),
    "no program": (
        sectioning("a", worker={"kind": "command", "argv": ["no-such"]}),
        "worker.argv",
        "install it or check PATH",
    ),
    "no candidate": (voting([{"name": "a", "path": "nowhere.py"}]), "voters[0].path", "there is no file"),
    "no package as an object": (sectioning(base={"package": "no_such"}), "base.package", "is no installed package"),
    "output over a file": (
        sectioning(base=".", merged_output={"patches": "task.json"}),
        "merged_output.patches",
        "no directory",
    ),
    "worker of a later step": (
        sectioning(after=[{"name": "check", "worker": "comand"}]),
        "after[0].worker.kind",
        "did you mean 'command'?",
    ),
    "worker of a judge": (
        voting(more={"judges": [{"kind": "chta"}]}, evaluation_criteria=["readability"]),
        "judges[0].kind",
        "did you mean 'chat'?",
    ),
    "worker of a synthesis": (voting(more={"synthesis": {"kind": "chta"}}), "synthesis.kind", "did you mean 'chat'?"),
    "input that asks something else": (voting(inputs=["g(3)"]), "main_task.inputs[0]", "does not call 'f'"),
    "tests that assert nothing": (voting(tests=["f(1) == 1"]), "main_task.tests[0]", "asserts nothing about 'f'"),
    "test command that is not there": (
        voting(test_command=["no-such-program"]),
        "main_task.test_command",
        "there is no program",
    ),
    "weights that change nothing": (
        voting(more={"aggregation": "borda", "weights": {"performance": 2}}),
        "weights",
        "change nothing with 'borda'",
    ),
    "judges of a consensus": (
        voting(more={"aggregation": "consensus", "judges": [JUDGE]}, evaluation_criteria=["readability"]),
        "judges",
        "change nothing with 'consensus'",
    ),
    "a lead among programs": (voting(more={"ahead_by": 2}), "ahead_by", "is for answers in words"),
    "judges of what is measured": (voting(more={"judges": [JUDGE]}), "judges", "have nothing to judge"),
    "score of no criterion": (
        voting([{"name": "a", "source": "f = 1", "scores": {"performnce": 3}}]),
        "voters[0].scores.performnce",
        "not among the evaluation_criteria",
    ),
    "one measurement under two words": (
        voting(evaluation_criteria=["performance", "speed"]),
        "main_task.evaluation_criteria",
        "would count 2 times",
    ),
    "callable that needs its package": (
        voting([{"name": "a", "callable": "json:dumps"}]),
        "voters[0].callable",
        "relative imports",
    ),
    "dollars for a model without a price": (
        voting(
            ["functional"],
            more={"worker": {"kind": "chat", "model": OWN_MODEL}, "budget": {"usd": 1}},
        ),
        "budget.usd",
        "no price is known for 'nobody-knows-it'",
    ),
    "checks for a command": (
        sectioning(PART | {"checks": [["true"]]}),
        "main_task.components[0].worker.checks",
        "workers that think",
    ),
    # hostile
    "path out of the base": (
        sectioning(PART | {"writes": ["../../etc/passwd"]}, base="."),
        "main_task.components[0].writes[0]",
        "leads out of the base",
    ),
    "absolute path": (
        sectioning(PART | {"writes": ["/etc/passwd"]}, base="."),
        "main_task.components[0].writes[0]",
        "paths are relative to it",
    ),
    "hooks of git": (
        sectioning(PART | {"writes": [".git/hooks/pre-commit"]}, base="."),
        "main_task.components[0].writes[0]",
        "leave .git alone",
    ),
    "output into the base": (sectioning(base=".", output_dir="."), "output_dir", "is the base itself"),
    "branch of a directory": (
        sectioning(base=".", merged_output={"branch": "x"}),
        "merged_output.branch",
        "set base.revision",
    ),
    "output over the base": (sectioning(base=".", merged_output="/"), "merged_output", "is or holds the base"),
    "NUL": (sectioning(output_dir="a\0b"), "output_dir", "holds a NUL character"),
    "half a character": (sectioning("\ud800"), "main_task.components[0]", "holds half a character"),
    # JSON
    "empty": ("", "line 1, column 1", "is not JSON"),
    "trailing comma": ('{"task_id": "t",}', "line 1, column 1", "is not JSON"),
    "key twice": ('{"task_id": "a", "task_id": "b"}', "the JSON", "keep one of them"),
    "deep": ("[" * 100_000 + "]" * 100_000, "the JSON", "nested too deeply"),
    "100 MB": ('{"task_id": "' + "x" * 100_000_000 + '"}', "the file", "put data into files that it names"),
}


@pytest.mark.parametrize("name", CASES)
def test_a_wrong_task_is_one_error_with_place_and_remedy(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    task, place, remedy = CASES[name]
    Path("task.json").write_text(task if isinstance(task, str) else json.dumps(task), encoding="utf-8")

    code = main(["plan", "--check", "task.json"])

    shown = capsys.readouterr()
    assert code == 2 and not shown.out
    heading, mistake = shown.err.splitlines()
    assert heading == "ptx: task.json: 1 mistake"
    assert mistake.startswith(f"  {place}") and remedy in mistake


@pytest.mark.parametrize("argument", ["nowhere.json", ".", "/dev/zero"])
def test_what_is_no_file_of_a_task_is_told_too(argument: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "--check", argument]) == 2
    assert "1 mistake\n  the file: " in capsys.readouterr().err


def test_thousands_of_mistakes_do_not_fill_the_screen(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "task.json").write_text(json.dumps(sectioning(*[{"name": str(n), "x": 1} for n in range(3000)])))

    assert main(["plan", "--check", str(tmp_path / "task.json")]) == 2
    shown = capsys.readouterr().err.splitlines()
    assert "3000 mistakes" in shown[0] and shown[-1] == "  ... and 2980 more" and len(shown) == 22


@pytest.mark.parametrize(
    ("task", "remedy"),
    [
        (sectioning(strict=True), "only one section"),
        (sectioning(PART, PART | {"name": "b", "depends_on": ["a"]}, strict=True), "nothing runs in parallel"),
        (
            sectioning(PART | {"writes": ["x/"]}, PART | {"name": "b", "writes": ["x/y"]}, on_overlap="refuse"),
            "would write the same files",
        ),
    ],
    ids=["one section", "chain", "overlap"],
)
def test_check_refuses_what_the_task_asks_to_be_refused(
    task: dict[str, Any], remedy: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "spec.json"
    path.write_text(json.dumps(task))
    code = main(["plan", "--check", str(path)])
    asked = capsys.readouterr()
    path.write_text(json.dumps({key: value for key, value in task.items() if key not in ("strict", "on_overlap")}))

    assert code != 0 and remedy in asked.err, asked
    assert main(["plan", "--check", str(path)]) == 0
