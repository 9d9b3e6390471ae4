"""Servers on loopback that answer wrongly on request: what clients say then is worth knowing."""

from __future__ import annotations

import shutil
import socket
import ssl
import struct
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

# Linger on, for zero seconds: closing sends a reset.
_RESET = struct.pack("ii", 1, 0)


def closed_port() -> int:
    """A port of loopback where nobody listens."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@contextmanager
def misbehaving_servers() -> Iterator[tuple[int, int]]:
    """The ports of a plain server and of one whose certificate nobody trusts."""
    with tempfile.TemporaryDirectory() as folder:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(_certificate(Path(folder)))
        stop = threading.Event()
        ports = [_serve(None, stop), _serve(context, stop)]
        try:
            yield ports[0], ports[1]
        finally:
            stop.set()


def _certificate(folder: Path) -> Path:
    path = folder / "both.pem"
    subprocess.run(
        [shutil.which("openssl") or "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes",
         "-days", "2", "-subj", "/CN=storage.example", "-keyout", str(path),
         "-out", str(folder / "cert.pem")],
        check=True, capture_output=True,
    )  # fmt: skip
    path.write_bytes(path.read_bytes() + (folder / "cert.pem").read_bytes())
    return path


def _serve(context: ssl.SSLContext | None, stop: threading.Event) -> int:
    listener = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        while not stop.is_set():
            peer, _ = listener.accept()
            threading.Thread(target=_answer, args=(peer, context, stop), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    return int(listener.getsockname()[1])


def _answer(peer: socket.socket, context: ssl.SSLContext | None, stop: threading.Event) -> None:
    with suppress(OSError), peer:
        sock = context.wrap_socket(peer, server_side=True) if context else peer
        first = sock.recv(65536).decode("latin-1").split(" ")
        path = first[1] if len(first) > 1 else "/garbage"
        if path.startswith("/status/"):
            _status(sock, int(path.split("/")[2]))
        elif path.startswith("/reset"):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        elif path.startswith("/slow"):
            stop.wait()
        elif path.startswith("/half"):
            sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nonly the beginning")
        elif path.startswith("/loop"):
            sock.sendall(b"HTTP/1.1 302 Found\r\nLocation: /loop\r\nContent-Length: 0\r\n\r\n")
        elif path.startswith("/html"):
            body = b"<html><body><h1>Welcome</h1></body></html>"
            sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        elif not path.startswith("/close"):
            sock.sendall(b"\x00\x01 this is not HTTP\r\n\r\n")


def _status(sock: socket.socket, status: int) -> None:
    words = {
        400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found",
        409: "Conflict", 413: "Payload Too Large", 422: "Unprocessable Entity",
        429: "Too Many Requests", 500: "Internal Server Error", 502: "Bad Gateway",
        503: "Service Unavailable", 504: "Gateway Timeout", 507: "Insufficient Storage",
    }.get(status, "Status")  # fmt: skip
    retry = "Retry-After: 30\r\n" if status in {429, 503} else ""
    body = f'{{"error":"{words}"}}'
    sock.sendall(
        f"HTTP/1.1 {status} {words}\r\nContent-Type: application/json\r\n{retry}"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode()
    )
