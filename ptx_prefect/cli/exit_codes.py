"""What `ptx` ends with."""

from __future__ import annotations

OK = 0
NOT_DONE = 1
"""The run, or what was asked for, did not succeed; the report says why."""
WRONG_INPUT = 2
INTERRUPTED = 130
"""As a shell has it for Ctrl-C: 128 and the signal's number."""
