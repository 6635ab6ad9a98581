"""The interfaces of all modules, as far as anybody looks at them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ptx_prefect.plan.references.records import Packed, unpacked


class Interfaces(Mapping[str, list[Any]]):
    """Interfaces by module, unpacked only when they are looked at."""

    def __init__(self, packed: Mapping[str, Packed]) -> None:
        self._packed = packed
        self._decoded: dict[str, list[Any]] = {}

    def __getitem__(self, module: str) -> list[Any]:
        if module not in self._decoded:
            self._decoded[module] = unpacked(self._packed[module])
        return self._decoded[module]

    def __contains__(self, module: object) -> bool:
        return module in self._packed

    def __iter__(self) -> Iterator[str]:
        return iter(self._packed)

    def __len__(self) -> int:
        return len(self._packed)
