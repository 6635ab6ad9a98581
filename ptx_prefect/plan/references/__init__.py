"""What each Python file of a tree defines, imports, calls and refers to, resolved to definitions."""

from ptx_prefect.plan.references.model import Definition, Edge, Link, TestHints, Unparsable, Unresolved
from ptx_prefect.plan.references.read import read_references
from ptx_prefect.plan.references.tree import References

__all__ = ["Definition", "Edge", "Link", "References", "TestHints", "Unparsable", "Unresolved", "read_references"]
