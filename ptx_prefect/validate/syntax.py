"""Does what has a syntax still have it."""

from __future__ import annotations

import ast
import importlib.util
import json
import tomllib
import warnings
from collections.abc import Callable
from pathlib import PurePosixPath

COMMENTED_JSON = ("tsconfig", "jsconfig", "devcontainer", "settings", "launch", "tasks", ".eslintrc")
"""Names of JSON files in which tools allow comments."""


def syntax_error_in(path: str, content: bytes) -> str | None:
    """What is wrong with the file's syntax; None when nothing is, or when the file has none that we know."""
    check = _check_for(PurePosixPath(path))
    if check is None:
        return None
    try:
        check(content)
    except (SyntaxError, ValueError) as error:
        return " ".join(str(error).split()) or type(error).__name__
    except (RecursionError, MemoryError):
        return None  # too deep for the parser at hand: that is no proof of a mistake
    return None


def _check_for(path: PurePosixPath) -> Callable[[bytes], object] | None:
    suffix = path.suffix.lower()
    if suffix in (".py", ".pyi"):
        return _python
    if suffix == ".json" and not path.name.lower().startswith(COMMENTED_JSON):
        return json.loads
    if suffix == ".toml":
        return lambda content: tomllib.loads(content.decode())
    if suffix in (".yaml", ".yml") and importlib.util.find_spec("yaml") is not None:
        return _yaml
    return None


def _python(content: bytes) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an invalid escape in a text is not ours to tell
        ast.parse(content)


def _yaml(content: bytes) -> None:
    import yaml  # type: ignore[import-untyped]  # no stubs among our dependencies

    if b"{{" in content or b"{%" in content:
        return  # a template that becomes YAML
    try:
        for _ in yaml.parse(content, Loader=yaml.SafeLoader):
            pass
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error
