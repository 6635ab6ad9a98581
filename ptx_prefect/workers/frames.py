"""Messages between a run and the supervisors of its children: JSON, each with its length before it."""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Mapping
from typing import Any

_LENGTH = struct.Struct("!I")
RECEIPT = b"r"
"""Answers a descriptor that was sent: macOS may lose one that its sender closes before it has arrived."""
MAX_FRAME_BYTES = 1 << 30


def send_frame(connection: socket.socket, message: Mapping[str, Any]) -> None:
    """Raises OSError where nobody listens any more, ValueError for what JSON cannot say."""
    data = json.dumps(message, allow_nan=False).encode()
    if len(data) > MAX_FRAME_BYTES:
        raise ValueError(f"a message of {len(data)} bytes is over the limit of {MAX_FRAME_BYTES}")
    connection.sendall(_LENGTH.pack(len(data)) + data)


class FrameReader:
    """Puts messages together from what a socket gives."""

    def __init__(self) -> None:
        self._data = bytearray()

    def feed(self, data: bytes) -> list[dict[str, Any]]:
        """The messages that ``data`` completes."""
        self._data += data
        found: list[dict[str, Any]] = []
        while len(self._data) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._data)
            if len(self._data) < _LENGTH.size + length:
                break
            found.append(json.loads(bytes(self._data[_LENGTH.size : _LENGTH.size + length])))
            del self._data[: _LENGTH.size + length]
        return found


def receive_frame(connection: socket.socket) -> dict[str, Any] | None:
    """The next message, nothing read beyond it; None where the other side has gone."""
    head = _exactly(connection, _LENGTH.size)
    if head is None:
        return None
    body = _exactly(connection, _LENGTH.unpack(head)[0])
    return None if body is None else json.loads(body)


def _exactly(connection: socket.socket, size: int) -> bytes | None:
    data = bytearray()
    while len(data) < size:
        piece = connection.recv(min(size - len(data), 1 << 20))
        if not piece:
            return None
        data += piece
    return bytes(data)
