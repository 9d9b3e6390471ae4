"""The drill's throwaway home: canary functions, and nothing that would wait long."""

from __future__ import annotations

from pathlib import Path

from fnr.cli.settings_view import toml_value
from fnr.cli.stage.home import ThrowawayHome, make_root, not_made

# What waits a minute elsewhere waits seconds here: long enough that errors overlap.
_RETRY = {
    "max": 8,
    "unknown_max": 4,
    "waits_max": 30,
    "deaths_max": 8,
    "delay": "3s",
    "delay_max": "5s",
    "wait": "3s",
}
_CANARY = "fnr.worker.canary:canary"
_OWN = "fnr.cli.drill.functions"
# Services whose breakers are timed, and how many failures in a row should open each.
BREAKERS = ("drill-1", "drill-2", "drill-3")
BREAKER_FAILURES = 3
_MEMORY = "192MiB"


class DrillHome(ThrowawayHome):
    """The folder, and what is where in it."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.marks = root / "marks"
        self.output = root / "output"
        self.accepted = root / "accepted.jsonl"

    def configure(self) -> None:
        """Write fnr.toml."""
        Path(self.paths.config_file).write_text(fnr_toml(str(self.root)), "utf-8")


def make_home(parent: str | None) -> DrillHome:
    """A new folder with a name short enough for the sockets in it."""
    home = DrillHome(make_root(parent, whose="fnr chaos drill"))
    try:
        for folder in (home.marks, home.output, home.logs, Path(home.paths.run_dir)):
            folder.mkdir()
    except OSError as error:
        raise not_made(parent, error, whose="fnr chaos drill") from error
    return home


def fnr_toml(folder: str) -> str:
    """The configuration of the drill."""
    tables: dict[str, dict[str, object]] = {
        # A host that is busy with other things may be drilled on: nothing of it is touched.
        "chaos": {
            "enabled": True,
            "stop_failures": 1_000_000,
            "stop_letters": 1_000_000,
            "stop_queue": 1_000_000,
            "stop_disk_free": "1MiB",
            "stop_load": 10_000,
        },
        "daemon": {"disk_free_min": "1MiB"},
        "store": {"reserve": "1MiB"},
        "functions.canary": {"python": _CANARY, "workers": {"min": 4, "max": 4}, "timeout": "10s"},
        "functions.canary-hang": {"python": _CANARY, "workers": {"min": 2, "max": 2}},
        "functions.canary-crash": {"python": _CANARY, "workers": {"min": 3, "max": 3}},
        "functions.canary-memory": {
            "python": _CANARY,
            "workers": {"min": 2, "max": 2},
            "limits": {"memory": _MEMORY},
        },
        "functions.canary-service": {
            "python": f"{_OWN}:call",
            "workers": {"min": 4, "max": 4},
            "timeout": "10s",
        },
        "functions.canary-output": {"python": f"{_OWN}:write", "workers": {"min": 2, "max": 2}},
        "functions.canary-patient": {"python": f"{_OWN}:patient", "workers": {"min": 4, "max": 4}},
        "functions.canary-breaker": {
            "python": f"{_OWN}:guarded",
            "workers": {"min": 1, "max": 1},
        },
        **{f"breakers.{name}": {"failures": BREAKER_FAILURES, "open": "1m"} for name in BREAKERS},
        "functions.canary-start": {"python": _CANARY, "workers": {"min": 1, "max": 1}},
    }
    lines = ["# The home of one `fnr chaos drill`.", "version = 1"]
    # cwd: a crash may leave a core file where it happens.
    shared = {"timeout": "40s", "grace": "300ms", "window": 1, "retry": _RETRY, "cwd": folder}
    for table, own in tables.items():
        values = {**shared, **own} if table.startswith("functions.") else own
        lines += ["", f"[{table}]"]
        lines += [f"{key} = {toml_value(value)}" for key, value in values.items()]
    return "\n".join(lines) + "\n"
