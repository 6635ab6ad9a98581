"""Which paths may stand in a tree."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping

from ptx_prefect.errors import TreeError


def check_path(path: str) -> str:
    """``path`` itself.

    Raises:
        TreeError: it is absolute, climbs out, or reaches into a repository's own files.
    """
    parts = path.split("/")
    if not path or "\0" in path or path.startswith("/") or any(part in ("", ".", "..") for part in parts):
        raise TreeError(f"{path!r} is no path inside the tree; paths are relative, with '/', without '..'")
    if any(part.lower() == ".git" for part in parts):
        raise TreeError(f"{path!r} reaches into a repository's own files; leave .git alone")
    return path


def leaves_tree(path: str, target: str) -> bool:
    """True when a link at ``path`` that points to ``target`` leads out of the tree, judged by its text."""
    if target.startswith("/"):
        return True
    reached = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
    return reached == ".." or reached.startswith("../")


def leads_out(path: str, links: Mapping[str, str]) -> bool:
    """True when the link at ``path`` leads out of the tree, other links followed; ``links`` maps them to targets."""
    here, ahead = path.split("/")[:-1], [links[path]]
    for _ in range(MAX_LINKS):
        if ahead[-1].startswith("/"):
            return True
        steps = "/".join(reversed(ahead)).split("/")
        for position, part in enumerate(steps):
            if part == ".." and not here:
                return True
            here = here[:-1] if part == ".." else [*here, *([part] if part not in ("", ".") else [])]
            if part not in ("", ".", "..") and (target := links.get("/".join(here))) is not None:
                here, ahead = here[:-1], ["/".join(steps[position + 1 :]), target]
                break
        else:
            return False
    return False  # a circle leads nowhere


MAX_LINKS = 40
"""As many as Linux follows on one path."""
