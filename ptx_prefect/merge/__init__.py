"""N-way merge of what sections changed. Importing it is cheap: the heavy parts load on need."""

from __future__ import annotations

from ptx_prefect.merge.result import Conflict, ConflictClass, FileMerge, Resolution

__all__ = ["Conflict", "ConflictClass", "FileMerge", "Resolution"]
