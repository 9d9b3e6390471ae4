"""Where fnr keeps its files: one home folder, or the system's places.

Imports nothing but `os`, because `fnr status` reads it before anything else.
"""

from __future__ import annotations

import os

# sun_path of a Unix socket holds 108 bytes with the final NUL.
SOCKET_PATH_BYTES_MAX = 107


class Paths:
    """Folders and files of one fnr: everything under `home`, or spread as the system likes it.

    config_file, store_file, telemetry_file, reserve_file, lock_file, socket_file,
    worker_socket_file, breaker_file, trial_file and learnt_file are files; state_dir, run_dir,
    log_dir, spool_dir, words_dir, rules_dir, crash_dir and
    chaos_dir are folders.
    origin: what decided ("--home", "FNR_HOME", "XDG" or "system").
    """

    __slots__ = ("config_dir", "config_file", "home", "log_dir", "origin", "run_dir", "state_dir")

    def __init__(
        self,
        *,
        config_dir: str,
        state_dir: str,
        run_dir: str,
        log_dir: str,
        origin: str,
        home: str,
        config_file: str | None = None,
    ) -> None:
        self.config_dir = config_dir
        self.state_dir = state_dir
        self.run_dir = run_dir
        self.log_dir = log_dir
        self.origin = origin
        self.home = home
        self.config_file = config_file or f"{config_dir}/fnr.toml"

    @property
    def store_file(self) -> str:
        return f"{self.state_dir}/fnr.db"

    @property
    def telemetry_file(self) -> str:
        return f"{self.state_dir}/telemetry.db"

    @property
    def reserve_file(self) -> str:
        return f"{self.state_dir}/reserve"

    @property
    def spool_dir(self) -> str:
        return f"{self.state_dir}/spool"

    @property
    def words_dir(self) -> str:
        return f"{self.state_dir}/words"

    @property
    def crash_dir(self) -> str:
        return f"{self.state_dir}/crash"

    @property
    def chaos_dir(self) -> str:
        return f"{self.state_dir}/chaos"

    @property
    def lock_file(self) -> str:
        return f"{self.state_dir}/daemon.lock"

    @property
    def socket_file(self) -> str:
        return f"{self.run_dir}/fnr.sock"

    @property
    def worker_socket_file(self) -> str:
        return f"{self.run_dir}/worker.sock"

    @property
    def breaker_file(self) -> str:
        return f"{self.run_dir}/breakers"

    @property
    def trial_file(self) -> str:
        return f"{self.run_dir}/trials"

    @property
    def rules_dir(self) -> str:
        return f"{self.config_dir}/rules.d"

    @property
    def learnt_file(self) -> str:
        return f"{self.config_dir}/learnt-words.json"


def find_paths(
    home: str | None = None, config_file: str | None = None, environ: dict[str, str] | None = None
) -> Paths:
    """Say where everything is: --home, else FNR_HOME, else the system's or the user's places."""
    env = os.environ if environ is None else environ
    config_file = config_file or env.get("FNR_CONFIG") or None
    origin = "--home" if home else "FNR_HOME"
    home = home or env.get("FNR_HOME") or None
    if home:
        root = os.path.abspath(os.path.expanduser(home))  # noqa: PTH100, PTH111 - pathlib costs 8 ms
        return Paths(
            config_dir=root,
            state_dir=f"{root}/state",
            run_dir=f"{root}/run",
            log_dir=f"{root}/logs",
            origin=origin,
            home=root,
            config_file=config_file,
        )
    if os.geteuid() == 0:
        return Paths(
            config_dir="/etc/fnr",
            state_dir="/var/lib/fnr",
            run_dir="/run/fnr",
            log_dir="/var/log/fnr",
            origin="system",
            home="",
            config_file=config_file,
        )
    user = env.get("HOME") or os.path.expanduser("~")  # noqa: PTH111 - pathlib costs 8 ms
    config = env.get("XDG_CONFIG_HOME") or f"{user}/.config"
    state = env.get("XDG_STATE_HOME") or f"{user}/.local/state"
    run = env.get("XDG_RUNTIME_DIR")
    return Paths(
        config_dir=f"{config}/fnr",
        state_dir=f"{state}/fnr",
        run_dir=f"{run}/fnr" if run else f"{state}/fnr/run",
        log_dir=f"{state}/fnr/logs",
        origin="XDG",
        home="",
        config_file=config_file,
    )
