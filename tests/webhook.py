"""Somebody who wants to be told: a webhook on loopback that keeps what came."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

TIMEOUT_S = 30.0


class Webhook:
    """status, says: what it answers; {NAME} in it is a header that came."""

    def __init__(self) -> None:
        self.status = 204
        self.says = ""
        self.came: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.changed = threading.Condition()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def wait_for(self, what: Callable[[], bool]) -> None:
        """Until something has happened."""
        with self.changed:
            assert self.changed.wait_for(what, TIMEOUT_S), self.came

    def titles(self) -> list[str]:
        """Of all alerts that came, in the order of the messages."""
        return [
            ("over: " if told["alert"]["over"] else "") + told["alert"]["title"]
            for message in self.came
            for told in message["alerts"]
        ]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with hook.changed:
                    hook.came.append(json.loads(body))
                    hook.headers.append(dict(self.headers))
                    hook.changed.notify_all()
                self.send_response(hook.status)
                if hook.status in {301, 302}:
                    self.send_header("Location", hook.url)
                says = hook.says.format_map(self.headers).encode()
                self.send_header("Content-Length", str(len(says)))
                self.end_headers()
                self.wfile.write(says)

            def do_GET(self) -> None:
                self.do_POST()

            def log_message(self, *_: object) -> None:
                """Nobody reads it."""

        return Handler
