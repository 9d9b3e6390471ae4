"""The demo's throwaway home: its folders and the fnr.toml in it."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from fnr.cli.demo.functions import MARKS_VARIABLE, PORT_VARIABLE
from fnr.cli.demo.recoveries import MIB_SMALLER
from fnr.cli.settings_view import toml_value
from fnr.cli.stage.home import ThrowawayHome, make_root, not_made

# Quick, because people watch: what waits a minute elsewhere waits a second here.
_QUICK = {"max": 3, "delay": "100ms", "delay_max": "1s", "wait": "500ms", "waits_max": 2}


class Home(ThrowawayHome):
    """The folder, and what is where in it."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.files = root / "files"
        self.trouble = root / "trouble"
        self.objects = root / "objects"
        self.marks = root / "marks"
        self.accepted = root / "accepted.jsonl"

    def configure(self, *, port: int) -> None:
        """Write fnr.toml."""
        text = fnr_toml(folder=str(self.root), marks=str(self.marks), port=port)
        Path(self.paths.config_file).write_text(text, "utf-8")


def make_home(parent: str | None) -> Home:
    """A new folder with a name short enough for the sockets in it."""
    home = Home(make_root(parent, whose="fnr demo"))
    try:
        for folder in (home.files, home.objects, home.marks, home.logs, Path(home.paths.run_dir)):
            folder.mkdir()
    except OSError as error:
        raise not_made(parent, error, whose="fnr demo") from error
    return home


def fnr_toml(*, folder: str, marks: str, port: int) -> str:
    """The configuration of the demo, as somebody might have written it."""
    tables: dict[str, dict[str, object]] = {
        "store": {"reserve": "1MiB"},
        "breakers.storage": {"failures": 3, "open": "250ms", "open_max": "1s"},
        "functions.digest": {
            **_python("digest", marks=marks, port=port),
            "workers": {"min": 1, "max": 2},
            "input": {"path": "str"},
        },
        "functions.compress": {
            "command": _gzip("-k", "-f", "-n", "{path}"),
            "result": "file:{output}",
            "workers": {"min": 1, "max": 2},
            "input": {"path": "str", "output": "str"},
        },
        "functions.upload": {
            **_python("upload", marks=marks, port=port),
            "workers": {"min": 1, "max": 4},
            "input": {"path": "str", "key": "any"},
            "services": ["storage"],
            # More than five tries within five minutes, which is what a task gets else.
            "retry": {**_QUICK, "max": 6, "waits_max": 5, "per_window": 12},
        },
        "functions.expand": {
            "command": _gzip("-d", "-k", "-f", "{path}"),
            "result": "file:{output}",
            "workers": {"min": 0, "max": 1},
        },
        **_troubled(marks=marks, port=port),
    }
    lines = ["# The home of one `fnr demo`.", "version = 1"]
    # cwd: a crash may leave a core file where it happens.
    shared = {"timeout": "30s", "retry": _QUICK, "cwd": folder}
    for table, own in tables.items():
        values = {**shared, **own} if table.startswith("functions.") else own
        lines += ["", f"[{table}]"]
        lines += [f"{key} = {toml_value(value)}" for key, value in values.items()]
    return "\n".join(lines) + "\n"


def _troubled(*, marks: str, port: int) -> dict[str, dict[str, object]]:
    """The functions that cannot go well, or not at the first try."""
    return {
        "functions.hungry": {
            **_python("hungry", marks=marks, port=port),
            "limits": {"memory": "256MiB"},
        },
        "functions.roomy": {
            **_python("roomy", marks=marks, port=port),
            "limits": {"memory": "256MiB"},
            "degrade": [{"when": ["resource"], "set": {"mib": MIB_SMALLER}}],
        },
        "functions.listen": {
            **_python("listen", marks=marks, port=port),
            # It is woken when the port is free, so the longest wait may be long.
            "retry": {"wait": "1m", "waits_max": 5},
        },
        "functions.publish": _python("publish", marks=marks, port=port),
        "functions.endless": {
            **_python("endless", marks=marks, port=port),
            "timeout": "500ms",
            "grace": "200ms",
            "retry": {**_QUICK, "max": 1},
        },
        "functions.crash": {
            **_python("crash", marks=marks, port=port),
            "retry": {**_QUICK, "unknown_max": 5, "deaths_max": 3},
        },
        "functions.patient": {
            **_python("patient", marks=marks, port=port),
            "workers": {"min": 0, "max": 2},
        },
    }


def _python(name: str, *, marks: str, port: int) -> dict[str, object]:
    return {
        "python": f"fnr.cli.demo.functions:{name}",
        "workers": {"min": 0, "max": 1},
        "env": {MARKS_VARIABLE: marks, PORT_VARIABLE: str(port)},
    }


def _gzip(*words: str) -> list[str]:
    """The system's gzip, or Python's, which keeps and overwrites without being told."""
    program = shutil.which("gzip")
    if program is not None:
        return [_literal(program), *words]
    own = [word for word in words if word not in {"-k", "-f", "-n"}]
    # -S: half the time to start.
    return [_literal(sys.executable), "-S", "-m", "gzip", *own]


def _literal(text: str) -> str:
    """Text that a command template takes as it is."""
    return text.replace("{", "{{").replace("}", "}}")
