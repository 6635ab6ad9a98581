"""`ptx doctor`: what is here, what is missing, and how to get it."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import os
import platform
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Literal

import click

from ptx_prefect import __version__
from ptx_prefect.cli.commands import ptx
from ptx_prefect.cli.exit_codes import NOT_DONE, OK
from ptx_prefect.cli.group import is_coloured
from ptx_prefect.cli.profile import answers, profile_of
from ptx_prefect.errors import PtxError, SpecError

State = Literal["ok", "missing", "broken"]
_SIGNS = {"ok": ("ok     ", "green"), "missing": ("missing", "yellow"), "broken": ("BROKEN ", "red")}
PREFECT_PORT = 4200
"""Where `prefect server start` listens unless it is told otherwise."""
_LOW_DISK_MB = 500


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. `broken` stands in the way of every run, `missing` of some; both carry advice."""

    topic: str
    state: State
    found: str
    advice: str = ""


@ptx.command(short_help="Say what is missing here, and how to get it.")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def doctor(as_json: bool) -> int:
    """Look at versions, server, workers, sandbox, git and state directory; say what is missing and how to get it.

    Exit code 1 where something stands in the way of every run.
    """
    found = [finding for look in LOOKS for finding in look()]
    broken = any(finding.state == "broken" for finding in found)
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in found], indent=2))
        return NOT_DONE if broken else OK
    for finding in found:
        sign, colour = _SIGNS[finding.state]
        click.echo(f"{click.style(sign, fg=colour)}  {finding.topic}: {finding.found}", color=is_coloured())
        if finding.advice:
            click.echo(f"         -> {finding.advice}")
    missing = sum(finding.state == "missing" for finding in found)
    verdict = "something stands in the way: see BROKEN above" if broken else "ready to run"
    click.echo(f"\n{verdict}{f'; {missing} optional thing(s) missing' if missing else ''}")
    return NOT_DONE if broken else OK


def _versions() -> Iterator[Finding]:
    yield Finding("Python", "ok", f"{platform.python_version()} at {sys.executable}, ptx {__version__}")
    for name in ("prefect", "networkx", "libcst", "pydantic"):
        version = _version_of(name)
        advice = "" if version else "pip install --force-reinstall ptx-prefect"
        yield Finding(name, "ok" if version else "broken", version or "not installed", advice)
    fastapi = _version_of("fastapi")
    if fastapi and tuple(int(part) for part in fastapi.split(".")[:2] if part.isdigit()) >= (0, 151):
        yield Finding("fastapi", "broken", f"{fastapi} breaks Prefect 3", "pip install 'fastapi<0.151'")


def _server() -> Iterator[Finding]:
    profile = profile_of(os.environ)
    if profile.trouble:
        yield Finding("Prefect profile", "broken", *_split(profile.trouble))
    elif profile.api_url:
        yield Finding("Prefect server", "ok", f"{profile.api_url} answers (named by {profile.named_by})")
    else:
        yield Finding("Prefect server", "ok", "none is named: `ptx run` starts one, `ptx up` keeps one")
    yield _port()


def _split(trouble: str) -> tuple[str, str]:
    found, _, advice = trouble.rpartition(": ")
    return found, advice


def _port() -> Finding:
    """A taken port is no trouble for ptx, which takes a free one, but for who starts a server by hand."""
    try:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
    except OSError as error:
        reason = f"no port can be opened on this machine ({error.strerror})"
        return Finding("ports", "broken", reason, "let this user listen on 127.0.0.1, or name a server elsewhere")
    with socket.socket() as probe:
        probe.settimeout(1)
        is_taken = probe.connect_ex(("127.0.0.1", PREFECT_PORT)) == 0
    if not is_taken:
        return Finding("ports", "ok", f"{PREFECT_PORT} is free for `prefect server start`")
    url = f"http://127.0.0.1:{PREFECT_PORT}/api"
    if answers(url):
        return Finding("ports", "ok", f"a Prefect server answers at {url}; `export PREFECT_API_URL={url}` uses it")
    advice = "`ptx up` takes a free port; or `prefect server start --port 4201`"
    return Finding("ports", "missing", f"another program has port {PREFECT_PORT}", advice)


def _state() -> Iterator[Finding]:
    from ptx_prefect.settings import load_settings, state_dir

    try:
        load_settings()
    except SpecError as error:
        yield Finding(
            "settings", "broken", "; ".join(f"{key}: {text}" for key, text in error.mistakes.items()), "mend them"
        )
    try:
        place = state_dir()
    except PtxError as error:
        yield Finding("state directory", "broken", str(error).splitlines()[-1].strip(), _STATE_ADVICE)
        return
    free_mb = shutil.disk_usage(place).free / 1e6
    if free_mb < _LOW_DISK_MB:
        advice = "free some, or `ptx cache prune --older-than 7`"
        yield Finding("state directory", "broken", f"{str(place)!r} has {free_mb:.0f} MB left", advice)
    elif place.stat().st_mode & 0o077:
        found = f"{str(place)!r} can be read by others"
        yield Finding("state directory", "missing", found, f"chmod 700 {place}")
    else:
        yield Finding("state directory", "ok", f"{str(place)!r}, {free_mb / 1000:.0f} GB free")


_STATE_ADVICE = "set PTX_STATE_DIR to a directory that this user may write"


def _programs() -> Iterator[Finding]:
    yield _program(
        "git",
        "no revisions, branches, patches or merge driver; merges by lines are done without it",
        "install git (apt-get install git, brew install git, winget install Git.Git)",
    )
    yield _program(
        "node",
        "checks that call node, as in examples/fullstack.json, cannot run",
        "install Node.js 20 or newer (apt-get install nodejs, brew install node); only JavaScript tasks need it",
    )


def _program(name: str, without: str, advice: str) -> Finding:
    path = shutil.which(name)
    if path is None:
        return Finding(name, "missing", f"not on PATH: {without}", advice)
    try:
        done = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired) as error:
        return Finding(name, "missing", f"{path} does not start ({error}): {without}", advice)
    if done.returncode != 0:
        first = (done.stderr or done.stdout).strip().splitlines()[:1] or [f"exit code {done.returncode}"]
        return Finding(name, "missing", f"{path} does not work ({first[0]}): {without}", advice)
    return Finding(name, "ok", f"{done.stdout.strip()} at {path}")


_EXTRAS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("worker pytest", "pytest", ("pytest", "coverage", "junitparser")),
    ("worker chat", "ai", ("pydantic_ai", "anthropic", "openai")),
    ("merging JavaScript", "js", ("tree_sitter", "tree_sitter_javascript", "tree_sitter_typescript")),
    ("complexity and lint in votes", "vote", ("complexipy", "ruff")),
    ("Dask", "dask", ("prefect_dask",)),
    ("Ray", "ray", ("prefect_ray",)),
)


def _workers() -> Iterator[Finding]:
    yield Finding("workers command, callable", "ok", "always there")
    for topic, extra, modules in _EXTRAS:
        absent = [name for name in modules if importlib.util.find_spec(name) is None]
        if absent:
            found = f"{', '.join(absent)} not installed"
            yield Finding(topic, "missing", found, f"pip install 'ptx-prefect[{extra}]'")
        else:
            yield Finding(topic, "ok", _keys() if extra == "ai" else "installed")
    from ptx_prefect.workers.agent_presets import PRESETS

    agents = [name for name in PRESETS if shutil.which(PRESETS[name].argv[0])]
    if agents:
        yield Finding("worker agent", "ok", f"on PATH: {', '.join(agents)}")
    else:
        advice = 'install one, or give its call: {"kind": "agent", "argv": ["my-agent", "{prompt}"]}'
        yield Finding("worker agent", "missing", f"none of {', '.join(PRESETS)} is on PATH", advice)


def _keys() -> str:
    found = [name for name in ("ANTHROPIC_API_KEY", "OPENAI_API_KEY") if os.environ.get(name)]
    return (
        f"installed; {' and '.join(found)} set" if found else "installed; no ANTHROPIC_API_KEY or OPENAI_API_KEY is set"
    )


def _sandbox() -> Iterator[Finding]:
    from ptx_prefect.vote import Sandbox

    if sys.platform != "linux":
        advice = "hold votes on programs in a container or on a Linux machine; everything else works here"
        yield Finding("sandbox of candidates", "missing", "its walls need Linux, and no candidate runs without", advice)
        return
    sandbox = Sandbox()
    try:
        sandbox.observe("f = int", ["f(1)"], entry_point="f")
        missing = sandbox.missing
    except (PtxError, OSError) as error:
        missing = (f"it does not start: {error}",)
    finally:
        sandbox.close()
    if missing:
        advice = "allow user namespaces (sysctl kernel.unprivileged_userns_clone=1; on Ubuntu "
        advice += "kernel.apparmor_restrict_unprivileged_userns=0), or vote in a container of your own"
        yield Finding("sandbox of candidates", "missing", "; ".join(missing), advice)
    else:
        yield Finding("sandbox of candidates", "ok", "namespaces, resource limits, no network, no files of yours")


LOOKS: tuple[Callable[[], Iterator[Finding]], ...] = (_versions, _server, _state, _programs, _workers, _sandbox)


def _version_of(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""
