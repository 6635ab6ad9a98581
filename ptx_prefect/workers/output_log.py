"""Captured output on disk, bounded: the head as it comes, the tail when it ends; secrets never."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

HEAD_BYTES = 1 << 20
TAIL_BYTES = 1 << 20


class OutputLog:
    """Takes any amount of bytes and keeps the first and the last megabyte of them.

    Args:
        hidden: texts that must not be written down, to what is written instead.
    """

    def __init__(
        self,
        path: Path,
        *,
        head_bytes: int = HEAD_BYTES,
        tail_bytes: int = TAIL_BYTES,
        hidden: Mapping[str, str] | None = None,
    ) -> None:
        told = {secret.encode(): text.encode() for secret, text in (hidden or {}).items() if secret}
        longest_first = sorted(told, key=len, reverse=True)
        self._told = told
        self._secrets = re.compile(b"|".join(map(re.escape, longest_first))) if told else None
        self._held_back = b""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._stream: BinaryIO | None = path.open("wb", buffering=0)
        self._room = head_bytes
        self._head_size = 0
        self._tail: deque[bytes] = deque()
        self._tail_size = 0
        self._tail_bytes = tail_bytes
        self._recent = b""
        self.total = 0
        self.trouble: str | None = None

    def write(self, data: bytes) -> None:
        """Take what a child printed; never raises: a full disk costs the log, not the work."""
        if self._secrets is not None:
            data = self._without_hidden(self._held_back + data, self._secrets)
        self._take(data)

    def _without_hidden(self, text: bytes, secrets: re.Pattern[bytes]) -> bytes:
        """What can be written now; an end that may be the beginning of a secret waits for what follows it."""
        clean, done = [], 0
        for found in secrets.finditer(text):
            rest = text[found.start() :]
            if any(len(one) > len(rest) and one.startswith(rest) for one in self._told):
                break  # The beginning of a longer one, perhaps.
            clean += [text[done : found.start()], self._told[found[0]]]
            done = found.end()
        keep = max(_overlap(text[done:], secret) for secret in self._told)
        self._held_back = text[len(text) - keep :]
        return b"".join([*clean, text[done : len(text) - keep]])

    def _take(self, data: bytes) -> None:
        self.total += len(data)
        self._recent = (self._recent + data)[-4096:]
        head, rest = data[: self._room], data[self._room :]
        if head:
            self._room -= len(head)
            self._head_size += len(head)
            self._put(head)
        if rest:
            self._tail.append(rest)
            self._tail_size += len(rest)
            while self._tail_size - len(self._tail[0]) >= self._tail_bytes:
                self._tail_size -= len(self._tail.popleft())

    def recent(self) -> str:
        """The last four kilobytes as text."""
        return self._recent.decode("utf-8", "replace")

    def last_line(self) -> str:
        """The last line that is not blank, at most 200 characters."""
        lines = [line for line in self.recent().replace("\r", "\n").splitlines() if line.strip()]
        return lines[-1].strip()[:200] if lines else ""

    def close(self) -> None:
        """Write the tail, with a line that says how much was left out before it."""
        rest, self._held_back = self._held_back, b""
        self._take(self._secrets.sub(lambda found: self._told[found[0]], rest) if self._secrets else rest)
        tail = b"".join(self._tail)[-self._tail_bytes :]
        left_out = self.total - self._head_size - len(tail)
        if left_out > 0:
            self._put(f"\n[... {left_out} bytes left out ...]\n".encode())
        if tail:
            self._put(tail)
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def _put(self, data: bytes) -> None:
        if self._stream is None:
            return
        try:
            self._stream.write(data)
        except OSError as error:
            self.trouble = f"the log is cut short: {error.strerror}"
            self._stream.close()
            self._stream = None


def _overlap(text: bytes, secret: bytes) -> int:
    """How many bytes at the end of ``text`` are the beginning of ``secret``, but not all of it."""
    return next((size for size in range(min(len(text), len(secret) - 1), 0, -1) if text.endswith(secret[:size])), 0)
