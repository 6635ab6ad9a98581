"""What each Python file of a tree defines, imports, calls and refers to, resolved to definitions.

The names load on first touch: a reading process needs a few modules of this package and must start fast.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ptx_prefect.plan.references.model import Definition, Edge, Link, TestHints, Unparsable, Unresolved
    from ptx_prefect.plan.references.read import read_references
    from ptx_prefect.plan.references.tree import References

__all__ = ["Definition", "Edge", "Link", "References", "TestHints", "Unparsable", "Unresolved", "read_references"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = {"read_references": "read", "References": "tree"}.get(name, "model")
    return getattr(import_module(f"{__name__}.{module}"), name)
