"""Files as values: the base that sections change, the private places they work in, and what they changed."""

from __future__ import annotations

from ptx_prefect.tree.base import Base
from ptx_prefect.tree.changeset import Changeset, FileChange, compose, digest_of
from ptx_prefect.tree.workspace import Refused, Workspace, open_workspace

__all__ = ["Base", "Changeset", "FileChange", "Refused", "Workspace", "compose", "digest_of", "open_workspace"]
