"""Takes the pictures of the TUI in docs/: `python tools/take_pictures.py`.

A daemon in a home of its own runs functions that fail in their ways, a breaker opens and a fault is
injected; then the screens are drawn as SVG, as a terminal of 120×36 would show them. The pictures
are committed; nothing compares them, because every one of them shows another moment.
"""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from textual.pilot import Pilot

from fnr.api.breaker_requests import ForceBreakers
from fnr.api.requests import GetStatus
from fnr.client.connect import Connection
from fnr.client.sdk import Client
from fnr.config.paths import Paths, find_paths
from fnr.policy.breaker import BreakerState
from fnr.tui.app import FnrApp

ROOT = Path(__file__).parents[1]
SIZE = (120, 36)
PATIENCE_S = 60.0
LOOK_AGAIN_S = 0.1
RENDERED, OTHERS = 40, 6
_FETCHED_FONT = re.compile(r',\s*url\("https?://[^"]*"\) format\("[^"]*"\)')
FNR = [sys.executable, "-m", "fnr"]

TOML = """version = 1

[chaos]
enabled = true

[functions.render]
python = "frames:render"
env = { PYTHONPATH = "HOME" }
workers = { min = 1, max = 2 }
on_daemon_exit = "kill"

[functions.upscale]
command = ["sh", "-c", "echo 'torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB' >&2; exit 1"]
on_daemon_exit = "kill"

[functions.convert]
command = ["sh", "-c", "echo 'ValueError: cannot convert shot: width must be a multiple of 8, got 1021' >&2; exit 1"]
on_daemon_exit = "kill"

[functions.upload]
command = ["sh", "-c", "echo 'ConnectionRefusedError: [Errno 111] storage:9000' >&2; exit 1"]
on_daemon_exit = "kill"
services = ["storage"]

[breakers.storage]
[breakers.comfyui]
"""  # noqa: E501 - as a program prints it

FRAMES = """def render(scene):
    print(f"rendered {scene}")
    return {"scene": scene}
"""

Take = Callable[[FnrApp, Pilot[None]], Awaitable[None]]


async def _dlq(app: FnrApp, pilot: Pilot[None]) -> None:
    await pilot.press("space", "space", "R")
    await _until(pilot, lambda: any(one.group == "trial" for one in app.workers))
    await _until(pilot, lambda: all(one.is_finished for one in app.workers if one.group == "trial"))


async def _last_row(_: FnrApp, pilot: Pilot[None]) -> None:
    await pilot.press("G")


async def _as_it_is(_: FnrApp, __: Pilot[None]) -> None:
    """Nothing has to be pressed."""


# Picture -> its screen, and what is done there first.
PICTURES: dict[str, tuple[str, Take]] = {
    "dashboard": ("dashboard", _as_it_is),
    "errors": ("errors", _as_it_is),
    "replay": ("dlq", _dlq),
    "breakers": ("breakers", _last_row),
    "chaos": ("chaos", _as_it_is),
}


def main() -> int:
    """Run the daemon, fill it, take the pictures, end the daemon."""
    with tempfile.TemporaryDirectory(prefix="fnr-") as folder:
        # By the environment and not by --home: commands are shown as they are typed everywhere.
        os.environ["FNR_HOME"] = folder
        paths = find_paths()
        Path(folder, "fnr.toml").write_text(TOML.replace("HOME", folder))
        Path(folder, "frames.py").write_text(FRAMES)
        _fnr("daemon", "start")
        try:
            _fill(paths)
            for name, (view, take) in PICTURES.items():
                asyncio.run(_picture(paths, name, view, take))
        finally:
            _fnr("chaos", "abort", "--all")
            _fnr("daemon", "stop")
    return 0


def _fnr(*words: str) -> None:
    subprocess.run([*FNR, *words], check=True, stdout=subprocess.DEVNULL)


def _fill(paths: Paths) -> None:
    with Client(home=paths.home) as client:
        for number in range(RENDERED):
            client.submit("render", {"scene": f"shot-{number:03}.blend"})
        for number in range(OTHERS):
            client.submit("upscale", {"scene": f"shot-{number:03}.blend", "width": 7_680})
            client.submit("convert", {"scene": f"shot-{number:03}.blend", "width": 1_021})
            client.submit("upload", {"file": f"shot-{number:03}.exr"})
    with Connection(paths, timeout_ms=10_000) as link:
        _wait(lambda: link.ask(GetStatus()).letters_open >= OTHERS)
        _wait(lambda: link.ask(GetStatus()).counts.get("done", 0) >= RENDERED)
        link.ask(
            ForceBreakers(
                names=["comfyui"], state=BreakerState.SHADOW, for_ms=1_800_000,
                reason="only watched until its new disks are in",
            )
        )  # fmt: skip
    _fnr(
        "chaos", "inject", "slow-start", "--where", "function:render", "--duration", "10m",
        "--reason", "what a slow start does to the queue", "-y",
    )  # fmt: skip


def _wait(true: Callable[[], bool]) -> None:
    give_up_s = time.monotonic() + PATIENCE_S
    while not true():
        if time.monotonic() > give_up_s:
            raise TimeoutError("the daemon does not come to what the pictures are to show")
        time.sleep(LOOK_AGAIN_S)


async def _until(pilot: Pilot[None], true: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not true():
            await pilot.pause(LOOK_AGAIN_S)


async def _picture(paths: Paths, name: str, view: str, take: Take) -> None:
    app = FnrApp(paths, view=view, read_only=False)
    app._host = "gpu-7"  # noqa: SLF001 - the name of the machine that draws it is nobody's business
    async with app.run_test(size=SIZE) as pilot:
        await _until(pilot, lambda: "running" in _words(app))
        await _until(
            pilot, lambda: all(one.is_finished for one in app.workers if one.group != "feed")
        )
        await take(app, pilot)
        await pilot.pause(1.0)
        # Fonts come from the machine that shows it: a picture fetches nothing.
        picture = _FETCHED_FONT.sub("", app.export_screenshot(title=f"fnr tui {view}"))
    (ROOT / f"docs/tui-{name}.svg").write_text(picture)
    sys.stdout.write(f"docs/tui-{name}.svg\n")


def _words(app: FnrApp) -> str:
    strips = app.screen._compositor.render_strips()  # noqa: SLF001 - Textual has no other way to read the screen
    return "\n".join("".join(part.text for part in strip) for strip in strips)


if __name__ == "__main__":
    sys.exit(main())
