"""A Prefect server for `ptx run`: the user's own, the one that `ptx up` keeps, or one that starts while we import.

Importing Prefect takes seconds, and the server of a flow without one is started only after that. Here it is started
first, the way Prefect does it, so that both happen at once.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import tomllib
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from ptx_prefect.errors import RunError

STARTUP_S = 180.0
"""How long a server may take on a busy machine."""
NAMED_S = 10.0
"""How long a server of the user's on this machine may take to answer."""
_RECORD = "server.json"
_NAMING = (
    "PREFECT_API_URL",
    "PREFECT_PROFILE",
    "PREFECT__FLOW_RUN_ID",
    "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE",
    "PREFECT_SERVER_EPHEMERAL_ENABLED",
)
_UVICORN = """
import ctypes, runpy, sys
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, 15)  # PR_SET_PDEATHSIG: end with the run, however that ends
sys.argv[0] = "uvicorn"
runpy.run_module("uvicorn", run_name="__main__")
"""


def is_configured(env: Mapping[str, str], directory: Path) -> bool:
    """Whether the user may have named a server: by environment, profile or a file. In doubt, yes."""
    if any(env.get(name) for name in _NAMING):
        return True
    profiles = Path(env.get("PREFECT_PROFILES_PATH") or Path(env.get("PREFECT_HOME") or "~/.prefect") / "profiles.toml")
    try:
        data = tomllib.loads(profiles.expanduser().read_text(encoding="utf-8"))
    except FileNotFoundError:
        data = {}
    except (OSError, ValueError):
        return True
    if "active" in data and data["active"] != "ephemeral":
        return True
    if any((directory / name).exists() for name in (".env", "prefect.toml")):
        return True
    with contextlib.suppress(OSError):
        return "[tool.prefect" in (directory / "pyproject.toml").read_text(encoding="utf-8")
    return False


def provide_server(state: Path) -> subprocess.Popen[bytes] | None:
    """Set ``PREFECT_API_URL`` where nobody else did. Call it before Prefect is imported. Returns what it started.

    A server that is started here ends with this process, after all that Prefect still has to send at its end: what is
    registered first runs last.
    """
    if is_configured(os.environ, Path.cwd()):
        return None
    kept = _kept(state)
    if kept is not None:
        os.environ["PREFECT_API_URL"] = f"{kept['url']}/api"
        return None
    port = _free_port()
    process = _start(port)
    atexit.register(_end, process)
    os.environ["PREFECT_API_URL"] = f"http://127.0.0.1:{port}/api"
    return process


def wait_until_up(ours: subprocess.Popen[bytes] | None) -> None:
    """Return when the server of this run answers; where it was up before, at once.

    Args:
        ours: what :func:`provide_server` started.

    Raises:
        RunError: it does not answer in time.
    """
    url = os.environ.get("PREFECT_API_URL", "")
    if not url.startswith(("http://127.0.0.1:", "http://localhost:")):
        return  # Far away, or named elsewhere: Prefect will tell.
    limit_s = NAMED_S if ours is None else STARTUP_S
    limit = time.monotonic() + limit_s
    while not _answers(url):
        if ours is not None and ours.poll() is not None:
            raise RunError(f"Prefect's temporary server ended with exit code {ours.returncode}; try `ptx up`")
        if time.monotonic() > limit:
            raise RunError(
                f"Prefect's server at {url} did not answer in {limit_s:g} s; start it, or unset PREFECT_API_URL"
                " and let `ptx run` or `ptx up` start one"
            )
        time.sleep(0.05)


def up(state: Path) -> str:
    """Start a server that stays, unless one is up. Returns its URL, which is also that of its UI.

    Raises:
        RunError: it does not come up.
    """
    kept = _kept(state)
    if kept is not None:
        return str(kept["url"])
    port = _free_port()
    url = f"http://127.0.0.1:{port}"
    argv = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    with (state / "server.log").open("ab") as log:
        process = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd=state
        )
    limit = time.monotonic() + STARTUP_S
    while not _answers(f"{url}/api"):
        if process.poll() is not None or time.monotonic() > limit:
            process.kill()
            raise RunError(f"Prefect's server did not come up; its log: {str(state / 'server.log')!r}")
        time.sleep(0.1)
    text = json.dumps({"url": url, "pid": process.pid, "started": _birth(process.pid)})
    (state / _RECORD).write_text(text, encoding="utf-8")
    return url


def down(state: Path) -> str | None:
    """End the server that :func:`up` started. Returns its URL; None where none was up."""
    kept = _kept(state)
    (state / _RECORD).unlink(missing_ok=True)
    if kept is None:
        return None
    with contextlib.suppress(OSError):
        os.killpg(int(kept["pid"]), signal.SIGTERM)
    limit = time.monotonic() + 10
    while _birth(int(kept["pid"])) == kept["started"] and time.monotonic() < limit:
        time.sleep(0.05)
    return str(kept["url"])


def kept_url(state: Path) -> str | None:
    """Where the server of `ptx up` answers; None where there is none."""
    kept = _kept(state)
    return None if kept is None else str(kept["url"])


def _kept(state: Path) -> dict[str, str | int] | None:
    """What `ptx up` wrote down, where that very process lives and answers."""
    try:
        kept = json.loads((state / _RECORD).read_text(encoding="utf-8"))
        is_same = _birth(int(kept["pid"])) == kept["started"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return kept if is_same and _answers(f"{kept['url']}/api") else None


def _start(port: int) -> subprocess.Popen[bytes]:
    """The server as Prefect starts its temporary one: no UI, no services that a single run does not need."""
    env = {"PREFECT_UI_ENABLED": "0", "PREFECT__SERVER_EPHEMERAL": "1", "PREFECT__SERVER_FINAL": "1"}
    app = ["--factory", "prefect.server.api.server:create_app", "--log-level", "critical", "--lifespan", "on"]
    argv = [sys.executable, "-c", _UVICORN, "--host", "127.0.0.1", "--port", str(port), *app]
    # A session of its own: Ctrl-C is ours to handle, and the server must outlive our last words to it.
    return subprocess.Popen(argv, env={**os.environ, **env}, stdin=subprocess.DEVNULL, start_new_session=True)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(timeout=5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _free_port() -> int:
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _birth(pid: int) -> str | None:
    """When the process began; None where there is none. A number may be given out again, with its birth it is one."""
    from ptx_prefect.workers.process_tree import started

    return started(pid)
