"""Run what README, docs and skill tell people to type: every console block and every Python block, page by page.

A page's blocks run in their order, as in one shell (`cd` holds), in one directory of its own: an empty one, or a copy
of the checkout where a command needs it (`<!-- run: checkout -->` anywhere in the page). A block of any language under
`<!-- file: NAME -->` is written to that file. Marks stand in a comment on the line before a block:

    <!-- run: no REASON -->      not run, with the reason
    <!-- run: slow -->           only with --slow
    <!-- run: exit 1 -->         the block is meant to fail with this code

    python docs/tools/run_blocks.py [--slow] [--list] [--api URL] [PAGE ...]
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
BIN = ROOT / ".venv" / "bin"
TIMEOUT_S = 900
PAGES = ("README.md", "deployments/README.md", "skill/*/SKILL.md", "examples/*.md", "docs/**/*.md")
_BLOCK = re.compile(
    r"(?:^ *<!-- (?P<mark>run|file): (?P<value>[^\n]*?) -->\n+)?"
    r"^(?P<indent> *)```(?P<kind>\w*)[^\n]*\n(?P<text>.*?)^(?P=indent)```",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block: what to do with it, and where it stands."""

    page: Path
    line: int
    kind: str
    text: str
    mark: str
    value: str

    @property
    def place(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def expected(self) -> int:
        return int(self.value.split()[1]) if self.mark == "run" and self.value.startswith("exit ") else 0


def blocks_of(page: Path) -> list[Block]:
    """The page's blocks that are run or written."""
    text = page.read_text(encoding="utf-8")
    found = []
    for match in _BLOCK.finditer(text):
        kind, mark = match["kind"], match["mark"] or ""
        if kind in ("console", "python") or mark == "file":
            inner = "\n".join(line.removeprefix(match["indent"]) for line in match["text"].splitlines())
            line = text.count("\n", 0, match.start("kind")) + 1
            found.append(Block(page, line, kind, inner, mark, match["value"] or ""))
    return found


def script_of(block: Block) -> str:
    """What is run: the lines after `$ `, or the Python text as a script."""
    if block.kind == "python":
        return f"python - <<'PTX_DOCS_END'\n{block.text}\nPTX_DOCS_END\n"
    lines, going_on = [], False
    for line in block.text.splitlines():
        if line.startswith("$ ") or going_on:
            lines.append(line.removeprefix("$ ") if not going_on else line)
            going_on = line.rstrip().endswith("\\")
    return "trap 'pwd > \"$PTX_DOCS_STAND\"' EXIT\n" + "\n".join(lines) + "\n"


def run_page(page: Path, env: dict[str, str], *, with_slow: bool) -> Iterator[tuple[str, str]]:
    """Run one page; yields (verdict, line) for each block: ok, skipped, FAILED."""
    found = blocks_of(page)
    with tempfile.TemporaryDirectory(prefix="ptx-docs-") as folder:
        home = Path(folder)
        here = home / "work"
        if "<!-- run: checkout -->" in page.read_text(encoding="utf-8"):
            copy_checkout(here)
        else:
            here.mkdir()
        stand = home / "stand"
        stand.write_text(str(here))
        env = env | {"PTX_STATE_DIR": str(home / "state"), "PTX_DOCS_STAND": str(stand)}
        for block in found:
            here = Path(stand.read_text().strip())
            if block.mark == "file":
                (here / block.value).parent.mkdir(parents=True, exist_ok=True)
                (here / block.value).write_text(block.text + "\n", encoding="utf-8")
            elif block.value.startswith("no"):
                yield "skipped", f"{block.place}: {block.value[3:]}"
            elif block.value.startswith("slow") and not with_slow:
                yield "skipped", f"{block.place}: slow"
            else:
                yield run_block(block, here, env)


def run_block(block: Block, here: Path, env: dict[str, str]) -> tuple[str, str]:
    """Run one block; a hanging one is ended with all it started."""
    began_s = time.monotonic()
    process = subprocess.Popen(
        ["bash", "-e", "-o", "pipefail", "-c", script_of(block)],
        cwd=here,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(timeout=TIMEOUT_S)
        code = process.returncode
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output, code = process.communicate()[0], -1
    took = f"{time.monotonic() - began_s:.0f} s"
    if code == block.expected:
        return "ok", f"{block.place} ({took})"
    shown = "\n".join(f"    {line}" for line in [*script_of(block).splitlines(), "---", *output.splitlines()[-40:]])
    return "FAILED", f"{block.place}: exit code {code} instead of {block.expected} after {took}\n{shown}"


def copy_checkout(target: Path) -> None:
    """What git would clone, without its history, and the environment beside it."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)


def environment(folder: Path) -> dict[str, str]:
    """As for a person who has installed us: `ptx` on PATH, nothing of who runs this."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PTX_", "PREFECT_"))}
    kept.pop("PYTHONPATH", None)
    bin_folder = folder / "bin"
    bin_folder.mkdir()
    # Scripts, not links: an interpreter finds its environment beside the path it was called by. `ptx` is run from this
    # checkout, wherever the environment's own leads.
    for name, arguments in (("python", ""), ("python3", ""), ("ptx", "-m ptx_prefect")):
        script = bin_folder / name
        script.write_text(f'#!/bin/sh\nexec "{BIN}/python" {arguments} "$@"\n')
        script.chmod(0o755)
    return kept | {
        "PATH": f"{bin_folder}:{BIN}:{kept.get('PATH', os.defpath)}",
        "PREFECT_HOME": str(folder / "prefect"),
        "PTX_STATE_DIR": str(folder / "state"),
        "PYTHONPATH": str(ROOT),
        "GIT_AUTHOR_NAME": "reader",
        "GIT_AUTHOR_EMAIL": "reader@example.org",
        "GIT_COMMITTER_NAME": "reader",
        "GIT_COMMITTER_EMAIL": "reader@example.org",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "NO_COLOR": "1",
    }


@contextmanager
def prefect_server(env: dict[str, str], api: str | None) -> Iterator[str]:
    """One server for all pages: each would start its own, which takes most of the time."""
    if api is not None:
        yield api
        return
    up = subprocess.run(["ptx", "up"], env=env, capture_output=True, text=True, check=True)
    address = re.search(r"http[^\s;]+", up.stdout)
    assert address, up.stdout
    try:
        yield f"{address[0]}/api"
    finally:
        subprocess.run(["ptx", "down"], env=env, check=False, capture_output=True)


def main() -> int:
    """Run the pages that are named, else all of them; exit code 1 where a block fails."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pages", nargs="*", type=Path)
    parser.add_argument("--slow", action="store_true", help="also what is marked slow")
    parser.add_argument("--list", action="store_true", help="only list the blocks")
    parser.add_argument("--api", help="a Prefect API that is up already; else a server is started for all pages")
    options = parser.parse_args()
    # Started in a shell's background we ignore Ctrl-C, and so would every `ptx serve` that a block ends with it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    pages = [page.resolve() for page in options.pages] or sorted(
        {page for pattern in PAGES for page in ROOT.glob(pattern) if "decisions" not in page.parts}
    )
    if options.list:
        for page in pages:
            print(*(f"{block.place}  {block.kind}  {block.mark} {block.value}" for block in blocks_of(page)), sep="\n")
        return 0
    counts = {"ok": 0, "skipped": 0, "FAILED": 0}
    with tempfile.TemporaryDirectory(prefix="ptx-docs-") as folder:
        env = environment(Path(folder))
        with prefect_server(env, options.api) as api:
            for page in pages:
                for verdict, line in run_page(page, env | {"PREFECT_API_URL": api}, with_slow=options.slow):
                    counts[verdict] += 1
                    print(f"{verdict:<8}{line}", flush=True)
    print(f"blocks of README and docs: {counts['ok']} passed, {counts['FAILED']} failed, {counts['skipped']} skipped")
    return 1 if counts["FAILED"] else 0


if __name__ == "__main__":
    sys.exit(main())
