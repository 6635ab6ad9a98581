"""Does the merged tree hold together; and if not, which sections are to blame."""

from __future__ import annotations

from ptx_prefect.validate.conflicting import Ejection
from ptx_prefect.validate.guilty import Budget
from ptx_prefect.validate.validation import CheckResult, Validation, run_commands, validate

__all__ = ["Budget", "CheckResult", "Ejection", "Validation", "run_commands", "validate"]
