"""Split one JSON task into sections and run them in parallel on Prefect, or let rival approaches compete."""

from __future__ import annotations

__version__ = "0.1.0"
