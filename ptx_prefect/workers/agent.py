"""The ``agent`` worker: a command-line coding agent in the section's workspace.

    {"kind": "agent", "preset": "claude", "model": "sonnet"}
    {"kind": "agent", "argv": ["my-agent", "--task", "{prompt}"], "env": ["MY_AGENT_KEY"]}

It gets a home of its own, the base environment and the variables that its preset names; no terminal, no input. What it
changed counts, not what it says. A result that does not parse, leaves the declared paths or breaks a check is sent
back with the error.
"""

from __future__ import annotations

import dataclasses
import fnmatch
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ptx_prefect.run.budget import Amount, Forecast
from ptx_prefect.run.outcomes import Done, Failed, RateLimited, Usage, WorkerOutcome
from ptx_prefect.strict import nearest
from ptx_prefect.tree.globs import matcher_of
from ptx_prefect.tree.scan import Stamp, is_litter, list_directory
from ptx_prefect.workers.agent_output import READERS, Told, is_rate_limit, told_by
from ptx_prefect.workers.agent_presets import PRESETS, AgentPreset, argv_of
from ptx_prefect.workers.checks import broken_check, mistakes_in_checks
from ptx_prefect.workers.endings import (
    COMMON_KEYS,
    is_strings,
    mistakes_in_common_keys,
    order_for,
    outcome_unless_exited,
    tail_of,
)
from ptx_prefect.workers.process import Order, run_process
from ptx_prefect.workers.prompt import PROMPT_VERSION, task_text
from ptx_prefect.workers.protocol import Beat, Job
from ptx_prefect.workers.written import syntax_error

KEYS = ("preset", "argv", "model", "args", "repairs", "checks", "instructions", "reserve", "reads_usage", *COMMON_KEYS)
RESERVE_KEYS = ("tokens", "usd", "calls")
MAX_ARGUMENT_BYTES = 100_000
"""Linux takes 128 KiB in one argument."""
MAX_PARSED_BYTES = 1_000_000
INSTRUCTIONS = (
    "You are one of several workers that write different parts of one project at the same time, each in a copy of its "
    "own. Do only your own part, in the current directory, without asking back. Do not commit. End with two or three "
    "sentences that say what the others need to know: names, routes, types, ports."
)
QUIET = {"GIT_EDITOR": "true", "EDITOR": "true", "GIT_TERMINAL_PROMPT": "0", "NO_COLOR": "1", "CI": "1"}


class AgentWorker:
    """Runs an agent, at most ``repairs`` (default 1) times more where its result cannot be taken."""

    kind = "agent"

    def check(self, config: Mapping[str, Any], *, workdir: Path) -> Mapping[str, str]:
        """Unknown keys, wrong values, a program that is not there."""
        mistakes = {key: f"unknown key {key!r}; {nearest(key, KEYS)}" for key in config if key not in KEYS}
        mistakes |= mistakes_in_common_keys(config)
        mistakes |= mistakes_in_checks(config.get("checks"))
        mistakes |= _mistakes_in_call(config)
        repairs = config.get("repairs", 1)
        if type(repairs) is not int or not 0 <= repairs <= 10:
            mistakes["repairs"] = f"takes a whole number from 0 to 10, found {repairs!r}"
        reserve = config.get("reserve")
        if reserve is not None and not _is_reserve(reserve):
            mistakes["reserve"] = f'takes the most that one run may cost, like {{"usd": 0.5}}, found {reserve!r}'
        if not mistakes:
            program = _preset(config).argv[0]
            if shutil.which(program) is None:
                mistakes["argv" if config.get("argv") else "preset"] = (
                    f"there is no program {program!r}; install it or check PATH"
                )
        return mistakes

    def fingerprint(self, config: Mapping[str, Any], *, workdir: Path) -> Mapping[str, Any]:
        """The version of our wording, and which program of that name it is."""
        program = shutil.which(_preset(config).argv[0])
        return {"prompt": PROMPT_VERSION, "program": os.path.realpath(program) if program else None}

    def forecast(
        self, config: Mapping[str, Any], *, description: str, inputs: Mapping[str, Any], has_files: bool
    ) -> Forecast:
        """What its ``reserve`` says: nothing else bounds what an agent spends."""
        reserve = config.get("reserve")
        name = f"agent {config.get('preset') or _preset(config).argv[0]}"
        if not reserve:
            return Forecast(name, 0, 0, is_bounded=False)
        fixed = Amount(int(reserve.get("tokens", 0)), float(reserve.get("usd", 0.0)), int(reserve.get("calls", 1)))
        return Forecast(name, 0, 0, fixed=fixed, max_calls=int(config.get("repairs", 1)) + 1)

    def run(self, job: Job, *, beat: Beat) -> WorkerOutcome:
        """Start the agent, look at what differs, send it back where that cannot be taken."""
        until_s = time.monotonic() + job.deadline_s
        rounds = int(job.config.get("repairs", 1)) + 1
        if job.calls_allowed is not None:
            rounds = max(1, min(rounds, job.calls_allowed))
        before = list_directory(job.workdir, closed="skip").files
        spent = Usage()
        complaint = ""
        for number in range(1, rounds + 1):  # noqa: B007  (told in the reason)
            left = dataclasses.replace(job, deadline_s=max(0.1, until_s - time.monotonic()))
            outcome = _run_once(left, complaint, beat)
            spent = _sum_of(spent, outcome.usage)
            _remove_litter(job, before)
            if not isinstance(outcome, Done):
                return dataclasses.replace(outcome, usage=spent)
            complaint = _objection(job, before)
            if not complaint:
                return dataclasses.replace(outcome, usage=spent)
        reason = f"{_preset(job.config).argv[0]} ran {number} time{'s' * (number > 1)}; still wrong: {complaint}"
        return Failed(reason, "rejected", permanent=True, usage=spent, log=str(job.log_path))


def _run_once(job: Job, complaint: str, beat: Beat) -> WorkerOutcome:
    preset = _preset(job.config)
    with _home(job.state_dir) as home:
        order = _order(job, preset, _prompt(job, complaint), home)
        ended = run_process(order, beat=beat)
    secrets = {name: order.env[name] for name in order.env if name in _names(job.config, preset)}
    output = _without_secrets(job.log_path, secrets)
    told = told_by(str(job.config.get("reads_usage", preset.reads_usage)), output)
    usage = _usage(Usage(ended.wall_s, ended.cpu_s, ended.peak_mb), told)
    early = outcome_unless_exited(ended, order)
    if early is not None:
        return dataclasses.replace(early, usage=usage)
    log = str(job.log_path)
    if ended.exit_code != 0 or told.error:
        text = told.error or f"ended with exit code {ended.exit_code}{tail_of(ended)}"
        for name, value in secrets.items():
            text = text.replace(value, f"[{name}]") if len(value) >= 6 else text
        if is_rate_limit(text):
            return RateLimited(preset.argv[0], None, usage, log)
        return Failed(f"{preset.argv[0]}: {text}", "agent", usage=usage, log=log)
    return Done({"summary": told.summary[-4000:], "agent": preset.argv[0]}, usage=usage, log=log)


def _prompt(job: Job, complaint: str) -> str:
    parts = [str(job.config.get("instructions") or INSTRUCTIONS), task_text(job, shows_files=False)]
    if job.reads:
        parts.append("# Files to read first\n" + "\n".join(f"- {pattern}" for pattern in job.reads))
    if complaint:
        parts.append(f"# Your last attempt was not accepted\n{complaint}\nIt is still in place: mend it.")
    text = "\n\n".join(parts)
    data = text.encode()
    return text if len(data) <= MAX_ARGUMENT_BYTES else data[:MAX_ARGUMENT_BYTES].decode(errors="ignore")


def _order(job: Job, preset: AgentPreset, prompt: str, home: Path) -> Order:
    model = job.config.get("model")
    extra = tuple(job.config.get("args") or ())
    argv = argv_of(preset.argv, prompt=prompt, model=model, model_args=preset.model_args, extra=extra)
    order = order_for(job, allowed=preset.keys, argv=argv)
    places = {
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home / ".config"),
        "XDG_CACHE_HOME": str(home / ".cache"),
        "XDG_DATA_HOME": str(home / ".local/share"),
        "XDG_STATE_HOME": str(home / ".local/state"),
    }
    return dataclasses.replace(order, env={**QUIET, **preset.set_env, **order.env, **places})


@contextmanager
def _home(state_dir: Path) -> Iterator[Path]:
    """A private home, gone afterwards with whatever the agent remembered in it."""
    place = state_dir / "homes"
    place.mkdir(parents=True, exist_ok=True, mode=0o700)
    home = Path(tempfile.mkdtemp(dir=place))
    try:
        yield home
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _objection(job: Job, before: Mapping[str, Stamp]) -> str:
    """Why what differs cannot be taken; empty where it can."""
    after = list_directory(job.workdir, closed="skip").files
    changed = sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path))
    changed = [path for path in changed if not is_litter(path)]
    if not changed:
        return "nothing was changed; write the files of your part"
    found = []
    if job.writes:
        may_write = matcher_of(job.writes)
        outside = [path for path in changed if not may_write(path)]
        if outside:
            found.append(f"changed outside {', '.join(job.writes)}: {', '.join(outside[:10])}; undo that")
    for path in changed:
        place = job.workdir / path
        if path in after and not place.is_symlink() and place.stat().st_size < MAX_PARSED_BYTES:
            text = syntax_error(path, place.read_bytes().decode(errors="replace"))
            if text:
                found.append(f"{path}: {text}")
    return "; ".join(found) or broken_check(job)


def _remove_litter(job: Job, before: Mapping[str, Stamp]) -> None:
    patterns = _preset(job.config).litter
    for path in list_directory(job.workdir, closed="skip").files:
        parts = path.split("/")
        prefixes = ["/".join(parts[:count]) for count in range(1, len(parts) + 1)]
        if path not in before and any(fnmatch.fnmatchcase(one, pattern) for one in prefixes for pattern in patterns):
            (job.workdir / path).unlink(missing_ok=True)


def _without_secrets(log_path: Path, secrets: Mapping[str, str]) -> str:
    """The log's text; where a key was printed, the log is written again without it."""
    try:
        text = log_path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    clean = text
    for name, value in secrets.items():
        if len(value) >= 6 and not value.startswith(("http://", "https://")):
            clean = clean.replace(value, f"[{name}]")
    if clean != text:
        log_path.write_text(clean, encoding="utf-8")
    return clean


def _usage(measured: Usage, told: Told) -> Usage:
    return dataclasses.replace(
        measured,
        calls=told.calls,
        input_tokens=told.input_tokens,
        output_tokens=told.output_tokens,
        cost_usd=told.cost_usd,
    )


def _sum_of(one: Usage, other: Usage) -> Usage:
    def both(name: str) -> Any:
        values = [getattr(part, name) for part in (one, other) if getattr(part, name) is not None]
        return (max(values) if name == "peak_rss_mb" else sum(values)) if values else None

    return Usage(**{item.name: both(item.name) for item in dataclasses.fields(Usage)})


def _preset(config: Mapping[str, Any]) -> AgentPreset:
    preset = PRESETS.get(str(config.get("preset")))
    argv = config.get("argv")
    if argv is None:
        return preset or AgentPreset(("", "{prompt}"))
    base = preset or AgentPreset((), model_args=())
    return dataclasses.replace(base, argv=tuple(argv))


def _names(config: Mapping[str, Any], preset: AgentPreset) -> set[str]:
    """The variables that may hold a secret: those that were passed on by name, and those that the task sets."""
    names = config.get("env")
    return {*(preset.keys if names is None else names), *(config.get("set_env") or {})}


def _mistakes_in_call(config: Mapping[str, Any]) -> dict[str, str]:
    mistakes = {}
    preset, argv = config.get("preset"), config.get("argv")
    if preset is None and argv is None:
        mistakes["preset"] = f"name one ({', '.join(PRESETS)}), or give argv with {{prompt}} in it"
    if preset is not None and str(preset) not in PRESETS:
        mistakes["preset"] = f"no preset is called {preset!r}; {nearest(str(preset), tuple(PRESETS))}"
    if argv is not None and not (is_strings(argv) and any("{prompt}" in part for part in argv[1:])):
        mistakes["argv"] = f'takes a call with {{prompt}} in it, like ["my-agent", "{{prompt}}"], found {argv!r}'
    if config.get("args") is not None and not is_strings(config["args"]):
        mistakes["args"] = f"takes a list of arguments, found {config['args']!r}"
    for key in ("model", "instructions"):
        if config.get(key) is not None and not isinstance(config[key], str):
            mistakes[key] = f"takes a text, found {config[key]!r}"
    if str(config.get("reads_usage", "none")) not in READERS:
        mistakes["reads_usage"] = f"takes one of {', '.join(READERS)}, found {config['reads_usage']!r}"
    return mistakes


def _is_reserve(value: Any) -> bool:
    return isinstance(value, Mapping) and all(
        key in RESERVE_KEYS and isinstance(number, int | float) and number >= 0 for key, number in value.items()
    )
