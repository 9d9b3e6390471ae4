"""A stand-in for ComfyUI: its queue, its history and its traps, without a GPU.

It runs one prompt at a time, and a prompt ends when the test says so, or at once.
"""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

TIMEOUT_S = 30.0
GRAPH = {
    "3": {
        "class_type": "KSampler",
        "inputs": {"seed": 1, "steps": 20, "positive": ["6", 0]},
        "_meta": {"title": "Sampler"},
    },
    "6": {
        "class_type": "CLIPTextEncode",
        "inputs": {"text": "a cat"},
        "_meta": {"title": "Positive"},
    },
    "9": {"class_type": "SaveImage", "inputs": {"images": ["3", 0]}},
}
PICTURE = b"\x89PNG" + b"p" * 3_000_000
OUTPUTS = {
    "9": {
        "images": [
            {"filename": "a.png", "subfolder": "cats", "type": "output"},
            {"filename": "a.png", "subfolder": "dogs", "type": "output"},
            {"filename": "preview.png", "subfolder": "", "type": "temp"},
        ]
    }
}
OUT_OF_MEMORY = {
    "node_id": "3",
    "node_type": "KSampler",
    "exception_type": "torch.OutOfMemoryError",
    "exception_message": "CUDA out of memory. Tried to allocate 2.00 GiB.\n",
    "traceback": ['  File "execution.py", line 1, in execute\n', "    boom()\n"],
    "current_inputs": {"api_key": ["sk-very-secret-0123456789abcdef"]},
}


class _Server(ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """Who asked was killed meanwhile."""


class FakeComfyui:
    """The server; `with` ends it.

    at_once: prompts end as soon as they are queued, as `failure` says or well.
    old:     it has no jobs, and gives prompts ids of its own.
    refusal: what it answers every prompt with, and the status. partial: node errors of those that
             it takes all the same.
    outputs: of every prompt that ends well. always: what it shows as the nodes of every prompt.
    """

    def __init__(self, *, at_once: bool = True, old: bool = False) -> None:
        self.at_once, self.old = at_once, old
        self.refusal: tuple[int, object] | None = None
        self.partial: dict[str, Any] = {}
        self.failure: dict[str, Any] | None = None
        self.outputs: dict[str, Any] = OUTPUTS
        self.always: dict[str, Any] = {}
        self.cut_files = False
        # Called before each answer: a status and words, to answer these instead; of a redirect,
        # where to.
        self.trouble: Callable[[str, str], tuple[int, bytes] | None] = lambda _method, _path: None
        self.queued: list[dict[str, Any]] = []
        self.waiting: list[str] = []
        self.history: dict[str, Any] = {}
        self.cancelled: list[str] = []
        self.interrupted: list[str] = []
        self.changed = threading.Condition()
        self._server = _Server(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """As if it were killed: nobody listens any more."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def wait_for(self, what: Callable[[], bool]) -> None:
        """Until something has happened here."""
        with self.changed:
            assert self.changed.wait_for(what, TIMEOUT_S), vars(self)

    def end(self, prompt_id: str, outputs: dict[str, Any] | None = None) -> None:
        """The prompt comes to a good end."""
        with self.changed:
            self._end(prompt_id, _succeeded(self.outputs if outputs is None else outputs))

    def interrupt(self, prompt_id: str) -> None:
        """Somebody presses the button."""
        with self.changed:
            self._end(prompt_id, _interrupted())

    def forget(self) -> None:
        """As after a restart."""
        with self.changed:
            self.waiting.clear()
            self.history.clear()
            self.changed.notify_all()

    def _end(self, prompt_id: str, entry: dict[str, Any]) -> None:
        self.waiting.remove(prompt_id)
        self.history[prompt_id] = entry | {"prompt": [1, prompt_id, self.always, {}, []]}
        self.changed.notify_all()

    def post(self, path: str, body: dict[str, Any]) -> tuple[int, object]:
        """Answer a POST."""
        with self.changed:
            self.changed.notify_all()
            if path == "/prompt":
                return self._queue(body)
            if path.startswith("/api/jobs/") and not self.old:
                prompt_id = path.split("/")[3]
                self.cancelled.append(prompt_id)
                if prompt_id in self.waiting:
                    self._end(prompt_id, _interrupted())
                return 200, {"cancelled": True}
            if path == "/queue":
                # Only what does not run yet.
                for prompt_id in body["delete"]:
                    if prompt_id in self.waiting[1:]:
                        self.waiting.remove(prompt_id)
                return 200, None
            if path == "/interrupt":
                self.interrupted += self.waiting[:1]
                if self.waiting:
                    self._end(self.waiting[0], _interrupted())
                return 200, None
            return 404, None

    def get(self, path: str, query: dict[str, list[str]]) -> tuple[int, object]:
        """Answer a GET."""
        with self.changed:
            if path == "/queue":
                items = [
                    [number, one, self.always, {}, []] for number, one in enumerate(self.waiting)
                ]
                return 200, {"queue_running": items[:1], "queue_pending": items[1:]}
            if path.startswith("/history/"):
                found = path.removeprefix("/history/")
                return 200, {found: self.history[found]} if found in self.history else {}
            if path == "/view" and query["type"] == ["output"]:
                return 200, "".join(query.get("subfolder", [])).encode() + PICTURE
            return 404, None

    def _queue(self, body: dict[str, Any]) -> tuple[int, object]:
        self.queued.append(body)
        if self.refusal is not None:
            return self.refusal
        prompt_id = f"own-{len(self.queued)}" if self.old else body["prompt_id"]
        self.waiting.append(prompt_id)
        if self.at_once:
            bad = _failed(self.failure) if self.failure is not None else None
            self._end(prompt_id, bad or _succeeded(self.outputs))
        return 200, {"prompt_id": prompt_id, "number": 1, "node_errors": self.partial}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                self._answer(lambda: fake.get(parts.path, parse_qs(parts.query)))

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                self._answer(lambda: fake.post(self.path, body))

            def _answer(self, ask: Callable[[], tuple[int, object]]) -> None:
                trouble = fake.trouble(self.command, self.path)
                status, found = trouble if trouble is not None else ask()
                if status <= 0:  # it hangs up, or cuts the connection
                    if status < 0:
                        linger = struct.pack("ii", 1, 0)
                        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                        self.connection.close()
                    self.close_connection = True
                    return
                is_raw = isinstance(found, bytes)
                words = found if isinstance(found, bytes) else json.dumps(found).encode()
                if found is None:
                    words = b""
                self.send_response(status)
                if 300 <= status < 400:
                    self.send_header("Location", words.decode())
                self.send_header("Content-Length", str(len(words)))
                self.end_headers()
                if is_raw and fake.cut_files:
                    self.close_connection = True
                    words = words[: len(words) // 2]
                self.wfile.write(words)

            def log_message(self, *_: object) -> None:
                """Nobody reads it."""

        return Handler


def _succeeded(outputs: dict[str, Any]) -> dict[str, Any]:
    messages = [["execution_start", {}], ["execution_success", {}]]
    status = {"status_str": "success", "completed": True, "messages": messages}
    return {"outputs": outputs, "status": status}


def _failed(failure: dict[str, Any]) -> dict[str, Any]:
    messages = [["execution_start", {}], ["execution_error", failure]]
    status = {"status_str": "error", "completed": False, "messages": messages}
    return {"outputs": {}, "status": status}


def _interrupted() -> dict[str, Any]:
    messages = [["execution_start", {}], ["execution_interrupted", {"node_id": "3"}]]
    status = {"status_str": "error", "completed": False, "messages": messages}
    return {"outputs": {}, "status": status}
