"""A fault proxy: stands on loopback in front of a service, and forwards unless a fault is active.

    python -m fnr.host.faults.proxy PORT[,PORT…] UPSTREAM_HOST:PORT FOLDER PARENT_PID

FOLDER/PORT.json says which fault is active; it counts only while the dead-man process of its
injection lives. Port 0 is any; the ports are the first line of the output.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import struct
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from fnr.host.chaos_records import is_held
from fnr.host.process import die_with_parent

HOST = "127.0.0.1"
HEAD_BYTES_MAX = 64 * 1024
# As long as a large upload may take.
HEAR_OUT_S = 60.0
_HALF = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\nConnection: close\r\n\r\n" + b"x" * 500


class Proxy:
    """Forwards connections, or does to them what the active fault says."""

    def __init__(self, upstream: tuple[str, int], folder: Path) -> None:
        self._upstream = upstream
        self._folder = folder

    async def serve(self, ports: list[int], *, announce: int) -> None:
        """Serve until cancelled."""
        servers = [
            await asyncio.start_server(self._talk, HOST, port, limit=HEAD_BYTES_MAX)
            for port in ports
        ]
        found = [str(server.sockets[0].getsockname()[1]) for server in servers]
        os.write(announce, (",".join(found) + "\n").encode())
        await asyncio.Event().wait()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            mode = self._mode(writer.get_extra_info("sockname")[1])
            match mode.get("fault"):
                case "service-reset":
                    await reader.read(1)
                    _reset(writer)
                    return
                case "service-slow":
                    await asyncio.sleep(int(mode["options"]["delay"]) / 1_000)
                    await self._forward(reader, writer)
                case "service-500" | "service-429" | "service-half":
                    await reader.readuntil(b"\r\n\r\n")
                    writer.write(_answer(mode))
                    await writer.drain()
                    await _hear_out(reader, writer)
                case _:
                    await self._forward(reader, writer)
        writer.close()

    def _mode(self, port: int) -> dict[str, Any]:
        try:
            mode: dict[str, Any] = json.loads((self._folder / f"{port}.json").read_bytes())
        except (OSError, ValueError):
            return {}
        return mode if is_held(str(mode.get("folder"))) else {}

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection(*self._upstream)
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(_pump(reader, there_writer))
                both.create_task(_pump(there_reader, writer))
        except* OSError:
            pass
        finally:
            there_writer.close()


async def _hear_out(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Take in what the client still sends: else it meets a reset, and never reads the answer."""
    writer.write_eof()
    with suppress(TimeoutError):
        async with asyncio.timeout(HEAR_OUT_S):
            while await reader.read(65_536):
                pass


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    while data := await source.read(65_536):
        sink.write(data)
        await sink.drain()
    with suppress(OSError):
        sink.write_eof()


def _answer(mode: dict[str, Any]) -> bytes:
    if mode["fault"] == "service-half":
        return _HALF
    if mode["fault"] == "service-429":
        after = mode["options"]["retry_after"]
        head = f"429 Too Many Requests\r\nRetry-After: {after}"
    else:
        head = "500 Internal Server Error"
    return f"HTTP/1.1 {head}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()


def _reset(writer: asyncio.StreamWriter) -> None:
    """End the connection with an RST, as a crashed server's kernel does."""
    connection = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def main(words: list[str]) -> None:
    """Serve until killed, or until whoever started us ends."""
    listen_ports, upstream, folder, parent_pid = words
    die_with_parent(int(parent_pid))
    host, _, port = upstream.rpartition(":")
    proxy = Proxy((host, int(port)), Path(folder))
    with suppress(KeyboardInterrupt):
        ports = [int(word) for word in listen_ports.split(",")]
        asyncio.run(proxy.serve(ports, announce=sys.stdout.fileno()))


if __name__ == "__main__":
    main(sys.argv[1:])
