"""The few things asked of git, with an environment that nothing outside can bend."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path

from ptx_prefect.errors import TreeError


def run_git(
    directory: Path,
    *args: str,
    stdin: bytes = b"",
    env: Mapping[str, str] | None = None,
    accept: Collection[int] = (0,),
) -> bytes:
    """What git prints when run in ``directory``; exit codes other than ``accept`` are errors.

    Raises:
        TreeError: git is missing or refused; carries what it said.
    """
    try:
        done = subprocess.run(
            ["git", *args],
            cwd=directory,
            input=stdin,
            capture_output=True,
            env=git_environment(env),
            check=False,
        )
    except FileNotFoundError as error:
        raise TreeError(f"cannot run git in {str(directory)!r}: {error.filename} was not found; install git") from error
    if done.returncode not in accept:
        said = done.stderr.decode(errors="replace").strip() or f"exit {done.returncode}"
        raise TreeError(f"git {args[0]} in {str(directory)!r} failed: {said}")
    return done.stdout


def git_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment without the variables by which a caller (a hook, say) points git at another repository."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    return kept | {"LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0"} | dict(extra or {})


def toplevel_of(directory: Path) -> Path | None:
    """The root of the work tree that ``directory`` lies in, None when there is none (or no git)."""
    try:
        return Path(os.fsdecode(run_git(directory, "rev-parse", "--show-toplevel").rstrip(b"\n")))
    except (TreeError, OSError):
        return None


def refusal_of(directory: Path) -> str:
    """Why git does not look at a repository that is there, and what to do; empty where it does, or there is none."""
    try:
        run_git(directory, "rev-parse", "--show-toplevel")
    except (TreeError, OSError) as error:
        if "dubious ownership" in str(error):
            named = next((line.strip() for line in str(error).splitlines() if "safe.directory" in line), "")
            return f"git refuses the repository of {str(directory)!r}, which another user owns: {named}"
    return ""


def read_blobs(repository: Path, object_ids: Iterable[str]) -> Iterator[bytes]:
    """The contents of blobs in the order asked for, through one git process, one content in memory at a time."""
    wanted = list(object_ids)
    if not wanted:
        return
    process = subprocess.Popen(
        ["git", "cat-file", "--batch"],
        cwd=repository,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=git_environment(),
    )
    assert process.stdin is not None and process.stdout is not None
    try:
        for start in range(0, len(wanted), 256):  # small enough to fit a pipe's buffer: no deadlock, no thread
            block = wanted[start : start + 256]
            process.stdin.write("".join(f"{object_id}\n" for object_id in block).encode("ascii"))
            process.stdin.flush()
            for object_id in block:
                header = process.stdout.readline().split()
                if len(header) != 3:
                    raise TreeError(f"git has no blob {object_id} in {str(repository)!r}; is the repository complete?")
                content = process.stdout.read(int(header[2]))
                process.stdout.read(1)
                yield content
    finally:
        process.stdin.close()
        process.stdout.close()
        process.wait()
