"""The stand-in's server: one thread a connection, every request recorded before it is answered."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.fakes.provider.protocols import PROTOCOLS, Reply
from tests.fakes.provider.script import Answer, Call, Fault, Script, in_turn, shown, texts_in

STATUS = {Fault.RATE_LIMIT: 429, Fault.OVERLOADED: 529, Fault.SERVER_ERROR: 500, Fault.BAD_KEY: 401}


class Provider:
    """The server, as a context manager. ``calls`` is every request for an answer that ever arrived."""

    def __init__(self, script: Script | Sequence[Answer] | Answer) -> None:
        if isinstance(script, Answer):
            script = [script]
        self.script: Script = script if callable(script) else in_turn(script)
        self.calls: list[Call] = []
        self.others: list[str] = []
        self.closing = threading.Event()
        self._lock = threading.Lock()
        self._in_flight = 0
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.provider = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> Provider:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        """The root, without ``/v1``: what Anthropic's clients take; OpenAI's take it with ``/v1``."""
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}"

    @property
    def count(self) -> int:
        """How many answers were asked for."""
        return len(self.calls)

    @property
    def answered(self) -> list[Call]:
        """The calls that a provider would have billed."""
        return [call for call in self.calls if call.status == 200]

    @property
    def billed_tokens(self) -> int:
        """Input and output tokens of all answered calls."""
        return sum(call.input_tokens + call.output_tokens for call in self.answered)

    @property
    def most_at_once(self) -> int:
        """The most requests that were open at the same time."""
        return max((call.in_flight for call in self.calls), default=0)

    def arrived(self, protocol: Any, path: str, body: dict[str, Any], key: str) -> Call:
        """Record a request."""
        prompt = "\n".join(texts_in({part: body.get(part) for part in ("system", "instructions", "messages", "input")}))
        with self._lock:
            self._in_flight += 1
            call = Call(
                len(self.calls), protocol.name, path, body, prompt, key, time.monotonic(), self._in_flight,
                tools=protocol.tools(body),
            )  # fmt: skip
            self.calls.append(call)
        return call

    def left(self) -> None:
        """A request is no longer open."""
        with self._lock:
            self._in_flight -= 1


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    provider: Provider

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that hang up are what many tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""

    def do_HEAD(self) -> None:
        self._send(200, {})

    def do_GET(self) -> None:
        self.server.provider.others.append(f"GET {self.path}")
        self._send(200, {"object": "list", "data": [], "models": []})

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length) or b"{}")
        path = self.path.split("?")[0]
        protocol = PROTOCOLS.get(path) or PROTOCOLS.get(f"/v1{path}")
        if protocol is None:
            self.server.provider.others.append(f"POST {path}")
            tokens = len(json.dumps(body)) // 4
            self._send(200 if path.endswith("count_tokens") else 404, {"input_tokens": tokens})
            return
        key = self.headers.get("x-api-key") or (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        call = self.server.provider.arrived(protocol, path, body, key)
        try:
            self._answer(protocol, call)
        finally:
            self.server.provider.left()

    def _answer(self, protocol: Any, call: Call) -> None:
        provider = self.server.provider
        answer = provider.script(call)
        provider.closing.wait(answer.delay_s)
        if answer.fault is Fault.HANG:
            provider.closing.wait(600)
            self.close_connection = True
            return
        if answer.fault in STATUS:
            call.status = STATUS[answer.fault]
            wait = {} if answer.retry_after_s is None else {"Retry-After": f"{answer.retry_after_s:g}"}
            self._send(call.status, protocol.error(call.status, answer.text or answer.fault.value), wait)
            return
        if answer.fault is Fault.BAD_JSON:
            call.status = 200
            self._send_bytes(200, b'{"id": "broken', {"Content-Type": "application/json"})
            return
        if answer.fault is Fault.SLOW_FIRST_BYTE:
            provider.closing.wait(answer.delay_s or 1.0)
        reply = _reply(protocol, call, answer)
        call.status = 200
        if call.body.get("stream"):
            self._stream(protocol.events(reply), cut=answer.fault is Fault.CUT)
        elif answer.fault is Fault.CUT:
            self._send_bytes(200, json.dumps(protocol.whole(reply)).encode(), {}, cut=True)
        else:
            self._send(200, protocol.whole(reply))

    def _stream(self, events: Any, *, cut: bool) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        rows = list(events)
        for name, data in rows[: max(1, len(rows) // 2)] if cut else rows:
            text = data if isinstance(data, str) else json.dumps(data)
            block = (f"event: {name}\n" if name else "") + f"data: {text}\n\n"
            self.wfile.write(f"{len(block.encode()):x}\r\n{block}\r\n".encode())
        if cut:
            self._hang_up()
            return
        self.wfile.write(b"0\r\n\r\n")

    def _send(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        data = b"" if self.command == "HEAD" else json.dumps(body).encode()
        self._send_bytes(status, data, {"Content-Type": "application/json", **(headers or {})})

    def _send_bytes(self, status: int, data: bytes, headers: dict[str, str], *, cut: bool = False) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data[: len(data) // 2] if cut else data)
        if cut:
            self._hang_up()

    def _hang_up(self) -> None:
        self.wfile.flush()
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)


def _reply(protocol: Any, call: Call, answer: Answer) -> Reply:
    """The answer, within the ``max_tokens`` that the client allowed, as a provider would keep it."""
    output_tool = next((name for name in call.tools if name.startswith("final_result")), None)
    text, tools = shown(answer, output_tool)
    size = len(text) + sum(len(json.dumps(dict(tool.arguments))) for tool in tools)
    output = answer.output_tokens if answer.output_tokens is not None else max(1, size // 4)
    limit = protocol.max_tokens(call.body)
    stop = "refusal" if answer.fault is Fault.REFUSAL else "tool" if tools else "end"
    if limit is not None and output > limit:
        text, tools, stop, output = text[: limit * 4], (), "length", limit
    call.input_tokens = answer.input_tokens if answer.input_tokens is not None else max(1, len(call.prompt) // 4)
    call.output_tokens = output
    return Reply(call.number, str(call.body.get("model")), text, tools, stop, call.input_tokens, output)
