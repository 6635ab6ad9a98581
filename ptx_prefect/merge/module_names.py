"""By which names a Python file can be imported, judged from where it lies in its tree."""

from __future__ import annotations

from collections.abc import Container

SOURCE_FOLDERS = ("src", "lib", "python")


def module_names(path: str, paths: Container[str], package: str | None = None) -> tuple[str, ...]:
    """The dotted names under which ``path`` may be imported, the likeliest first.

    The likeliest starts at the outermost package (folders with an ``__init__.py``); others start at the root of the
    tree and below a folder such as ``src``, and at the tree itself where it is a package of that name.
    """
    parts = path.rpartition(".")[0].split("/")
    folders = parts[:-1]
    start = len(folders)
    while start and "/".join([*folders[:start], "__init__.py"]) in paths:
        start -= 1
    starts = [start, 0]
    if folders and folders[0] in SOURCE_FOLDERS:
        starts.append(1)
    names = [".".join(_without_init(parts[one:])) for one in starts]
    if package:
        names.append(".".join([package, *_without_init(parts)]))
    return tuple(dict.fromkeys(name for name in names if name)) or (parts[-1],)


def package_of(root: str, paths: Container[str]) -> str | None:
    """The name of a tree that is itself a package; ``root`` is its folder."""
    name = root.rstrip("/").rpartition("/")[2]
    has_namesake = f"{name}/__init__.py" in paths or f"{name}.py" in paths
    return name if "__init__.py" in paths and name.isidentifier() and not has_namesake else None


def is_package(path: str) -> bool:
    """True for the file that makes a folder a package."""
    return path.rpartition("/")[2] == "__init__.py"


def twin_of(path: str) -> str:
    """The other file that can be the same module: ``a/b.py`` and ``a/b/__init__.py``."""
    if is_package(path):
        return f"{path.removesuffix('/__init__.py')}.py"
    return f"{path.removesuffix('.py')}/__init__.py"


def with_parents(name: str) -> tuple[str, ...]:
    """A dotted name and the names that it lies in: ``a.b.c`` gives itself, ``a.b`` and ``a``."""
    parts = name.split(".")
    return tuple(".".join(parts[:count]) for count in range(len(parts), 0, -1))


def _without_init(parts: list[str]) -> list[str]:
    return parts[:-1] if parts[-1] == "__init__" else parts
