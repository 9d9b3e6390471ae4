"""Runs real programs into real failures and keeps what they print, for the text model.

    python tools/capture_errors.py [--python VENV/bin/python] [NAME …]

Reads tools/model/scenarios/*.toml, writes tools/model/examples/captured-NAME.jsonl. A scenario is
Python code or a command, and the category its failure has. `{closed}` is a port where nobody
listens, `{http}` and `{tls}` are the ports of servers on loopback that misbehave on request
(/status/503, /reset, /slow, /half, /garbage), `{tmp}` is an empty folder. A scenario whose program
or library is not installed is named and left out; its earlier lines are kept.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any

from misbehaving_server import closed_port, misbehaving_servers

FOLDER = Path(__file__).parent / "model"
SECONDS_MAX = 20
CHARS_MAX = 3_000
# What a shell says when there is no such program.
NOT_INSTALLED = {"ModuleNotFoundError"}
_STANDARD_LIBRARY = re.compile(r"/[^\s\"']*/lib/python3\.\d+(?=/(?!site-packages))")

RUNNER = """
import json, sys, traceback
try:
    exec(compile(sys.stdin.read(), "scenario.py", "exec"), {"__name__": "scenario"})
except BaseException as error:
    kind = type(error)
    module = "" if kind.__module__ == "builtins" else kind.__module__ + "."
    said = {"type": module + kind.__qualname__, "message": str(error),
            "traceback": traceback.format_exc()}
    print("\\n" + json.dumps(said))
"""


def main() -> int:
    """Run the scenarios of the files named, or all; exit status 1 when one did not fail."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("names", nargs="*", metavar="NAME")
    options.add_argument("--python", default=sys.executable, help="interpreter with the libraries")
    given = options.parse_args()
    trouble = 0
    with misbehaving_servers() as (http, tls):
        places = {"closed": closed_port(), "http": http, "tls": tls}
        for path in sorted((FOLDER / "scenarios").glob("*.toml")):
            if given.names and path.stem not in given.names:
                continue
            scenarios = tomllib.loads(path.read_text())["scenario"]
            lines = []
            for scenario in scenarios:
                found = _captured(scenario, places, given.python)
                if isinstance(found, str):
                    print(f"{path.stem}: {found}: {_first_line(scenario)}")
                    trouble += found != "not installed"
                else:
                    lines.append(json.dumps(found, ensure_ascii=False))
            target = FOLDER / "examples" / f"captured-{path.stem}.jsonl"
            target.parent.mkdir(exist_ok=True)
            target.write_text("".join(f"{line}\n" for line in lines))
            print(f"{path.stem}: {len(lines)} of {len(scenarios)} failures captured")
    return 1 if trouble else 0


def _first_line(scenario: dict[str, Any]) -> str:
    return str(scenario.get("code") or scenario.get("command")).strip().splitlines()[-1]


def _captured(
    scenario: dict[str, Any], places: dict[str, int], python: str
) -> dict[str, object] | str:
    """One example, or why there is none."""
    with tempfile.TemporaryDirectory(prefix="job-") as tmp:
        fill = {**{key: str(value) for key, value in places.items()}, "tmp": tmp}
        env = {
            "PATH": os.environ["PATH"],
            "HOME": tmp,
            "LANG": "C.UTF-8",
            "TMPDIR": tmp,
            # Nothing may leave loopback, and boto would ask its cloud who it is.
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        code = scenario.get("code")
        text = _filled(code if code is not None else scenario["command"], fill)
        argv = [python, "-W", "ignore", "-c", RUNNER] if code is not None else ["bash", "-c", text]
        if (
            code is None
            and not shutil.which(scenario["project"].split("/")[-1])
            and (scenario.get("needs", "program") == "program")
        ):
            return "not installed"
        try:
            ended = subprocess.run(
                argv, input=text if code is not None else "", capture_output=True, text=True,
                errors="replace", timeout=SECONDS_MAX, cwd=tmp, env=env, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return "did not end"
    example = _raised(ended) if code is not None else _ended(ended)
    if isinstance(example, str):
        return example
    known = {"category": scenario["category"], "project": scenario["project"]}
    fill["venv"] = str(Path(python).parents[1])
    return {
        **{key: _without_places(value, fill) for key, value in example.items()},
        **known,
        "origin": "captured",
    }


def _raised(ended: subprocess.CompletedProcess[str]) -> dict[str, object] | str:
    last = ended.stdout.strip().rpartition("\n")[2]
    if not last.startswith("{"):
        return "did not fail" if ended.returncode == 0 else f"died: {ended.stderr[-200:]}"
    said = json.loads(last)
    if said["type"] in NOT_INSTALLED and "scenario" not in said["message"]:
        return "not installed"
    return {
        "exception_type": said["type"],
        "message": said["message"][:CHARS_MAX],
        "traceback": said["traceback"][-CHARS_MAX:],
        "exit_code": None,
        "signal": None,
        "http_status": None,
    }


def _ended(ended: subprocess.CompletedProcess[str]) -> dict[str, object] | str:
    if ended.returncode == 0:
        return "did not fail"
    text = (ended.stderr.strip() or ended.stdout.strip())[-CHARS_MAX:]
    return {
        "exception_type": None,
        "message": text.rpartition("\n")[2],
        "traceback": text,
        "exit_code": ended.returncode if ended.returncode > 0 else None,
        "signal": -ended.returncode if ended.returncode < 0 else None,
        "http_status": None,
    }


def _filled(text: str, fill: dict[str, str]) -> str:
    # Not str.format: code is full of braces.
    for name, value in fill.items():
        text = text.replace("{" + name + "}", value)
    return text


def _without_places(value: object, fill: dict[str, str]) -> object:
    """This machine's folders and ports say nothing about the cause."""
    if not isinstance(value, str):
        return value
    value = value.replace(fill["tmp"], "/data/job").replace(fill["venv"], "/opt/venv")
    return _STANDARD_LIBRARY.sub("/usr/lib/python3", value)


if __name__ == "__main__":
    sys.exit(main())
