"""Which paths may stand in a tree."""

from __future__ import annotations

import posixpath

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
