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
    worker_socket_file, breaker_file, trial_file and learnt_file are files; sockets_link leads
    to run_dir where that depends on the environment; state_dir, run_dir,
    log_dir, spool_dir, users_dir, words_dir, rules_dir, crash_dir and
    chaos_dir are folders. Workers that run as another user have places of their own, beside ours:
    where a method takes a `uid`, None means a worker that runs as we do.
    origin: what decided ("--home", "FNR_HOME", "XDG" or "system").
    config_flag: what --config named; "" when the file is where it always is, or FNR_CONFIG says.
    """

    __slots__ = (
        "config_dir",
        "config_file",
        "config_flag",
        "home",
        "log_dir",
        "origin",
        "run_dir",
        "state_dir",
    )

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
        config_flag: str = "",
    ) -> None:
        self.config_dir = config_dir
        self.state_dir = state_dir
        self.run_dir = run_dir
        self.log_dir = log_dir
        self.origin = origin
        self.home = home
        self.config_file = config_file or f"{config_dir}/fnr.toml"
        self.config_flag = config_flag

    @property
    def flags(self) -> list[str]:
        """What says on a command line that this home is meant."""
        words = ["--home", self.home] if self.origin == "--home" else []
        return words + (["--config", self.config_flag] if self.config_flag else [])

    @property
    def command(self) -> str:
        """How `fnr` is called for this home: what a pasted command has to begin with."""
        words = self.flags
        if not words:
            return "fnr"
        import shlex  # noqa: PLC0415 - only for commands that people paste

        return f"fnr {shlex.join(words)}"

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
    def users_dir(self) -> str:
        return f"{self.home}/users" if self.home else f"{self.state_dir}-users"

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
    def sockets_link(self) -> str:
        return _sockets_link(self.state_dir)

    @property
    def socket_file(self) -> str:
        return f"{self.run_dir}/fnr.sock"

    @property
    def worker_socket_file(self) -> str:
        return f"{self.run_dir}/worker.sock"

    def worker_socket_of(self, uid: int | None) -> str:
        """Where workers of a user find us."""
        return self.worker_socket_file if uid is None else f"{self.run_dir}/{uid}/worker.sock"

    def lasting(self, path: str) -> str:
        """One of run_dir by a way that leads to the next daemon's, too, wherever that has it."""
        if _target(self.sockets_link) != self.run_dir:
            return path
        return f"{self.sockets_link}{path.removeprefix(self.run_dir)}"

    def lasting_worker_socket_of(self, uid: int | None) -> str:
        """As lasting, where a socket can have such a path, and the user can go that way."""
        socket = self.worker_socket_of(uid)
        lasting = self.lasting(socket)
        fits = uid is None and len(os.fsencode(lasting)) <= SOCKET_PATH_BYTES_MAX
        return lasting if fits else socket

    def spool_of(self, uid: int | None) -> str:
        """Where workers of a user keep what they could not deliver."""
        return self.spool_dir if uid is None else f"{self.users_dir}/{uid}"

    def now_file_of(self, uid: int | None, worker_id: str) -> str:
        """The small file that says which attempt a worker has begun."""
        return f"{self.run_dir}/{'now' if uid is None else uid}/{worker_id}"

    def uid_of_now_file(self, path: str) -> int | None:
        """Whose worker a now-file was made for; it is remembered, and settings change."""
        folder = path.removeprefix(f"{self.run_dir}/").partition("/")[0]
        return int(folder) if folder.isdecimal() else None

    def uids(self) -> list[int]:
        """Users who have had workers here and are not us."""
        names: set[str] = set()
        for folder in (self.run_dir, self.users_dir):
            try:
                names.update(os.listdir(folder))  # noqa: PTH208 - pathlib costs 8 ms
            except OSError:
                continue
        return sorted(int(name) for name in names if name.isdecimal())

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


def is_utf_8(path: str) -> bool:
    """Can it be written into a file and sent to others?"""
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def why_not_made(path: str, error: OSError) -> str:
    """Why there could be no such folder or file, where the system's own words mislead."""
    place = path
    while place not in {"/", ""}:
        if os.path.islink(place) and not os.path.exists(place):  # noqa: PTH110, PTH114 - pathlib costs 8 ms
            target = os.readlink(place)  # noqa: PTH115 - pathlib costs 8 ms
            return f"{place} is a link to {target}, which is not there"
        place = os.path.dirname(place)  # noqa: PTH120 - pathlib costs 8 ms
    if isinstance(error, FileExistsError):
        return f"{path} is no folder"
    return error.strerror or str(error)


def find_paths(
    home: str | None = None, config_file: str | None = None, environ: dict[str, str] | None = None
) -> Paths:
    """Say where everything is: --home, else FNR_HOME, else the system's or the user's places."""
    env = os.environ if environ is None else environ
    named = config_file or env.get("FNR_CONFIG")
    flag = _absolute(config_file) if config_file else ""
    config_file = _absolute(named) if named else None
    origin = "--home" if home else "FNR_HOME"
    home = home or env.get("FNR_HOME") or None
    if home:
        root = _absolute(home)
        return Paths(
            config_dir=root,
            state_dir=f"{root}/state",
            run_dir=f"{root}/run",
            log_dir=f"{root}/logs",
            origin=origin,
            home=root,
            config_file=config_file,
            config_flag=flag,
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
            config_flag=flag,
        )
    user = home_of_user(env.get("HOME"))
    config = xdg(env.get("XDG_CONFIG_HOME")) or f"{user}/.config"
    state = xdg(env.get("XDG_STATE_HOME")) or f"{user}/.local/state"
    run = xdg(env.get("XDG_RUNTIME_DIR"))
    return Paths(
        config_dir=f"{config}/fnr",
        state_dir=f"{state}/fnr",
        run_dir=_run_dir_of_last(f"{state}/fnr") or (f"{run}/fnr" if run else f"{state}/fnr/run"),
        log_dir=f"{state}/fnr/logs",
        origin="XDG",
        home="",
        config_file=config_file,
        config_flag=flag,
    )


def _sockets_link(state_dir: str) -> str:
    return f"{state_dir}/sockets"


def _run_dir_of_last(state_dir: str) -> str:
    """Where the last daemon had its sockets, if that is still there; else "".

    cron has no XDG_RUNTIME_DIR, and a login has one: both are to find the same daemon, and workers
    the next one, whoever has started it.
    """
    folder = _target(_sockets_link(state_dir))
    return folder if os.path.isdir(folder) else ""  # noqa: PTH112 - as above


def _target(link: str) -> str:
    """Where it leads; "" when it is no link."""
    try:
        return os.readlink(link)  # noqa: PTH115 - pathlib costs 8 ms
    except OSError:
        return ""


def home_of_user(home: str | None) -> str:
    """What HOME says, without a slash at its end; the same wherever we stand, also if it is unset.

    "" is the root folder.
    """
    if not home or not home.startswith("/"):
        import pwd  # noqa: PLC0415 - a login has HOME

        try:
            home = pwd.getpwuid(os.getuid()).pw_dir
        except KeyError:  # as in a container that runs as any number
            home = "/"
    return home.rstrip("/")


def xdg(folder: str | None) -> str:
    """A folder that the environment names; its standard says to ignore those that are relative."""
    return folder if folder and folder.startswith("/") else ""


def _absolute(path: str) -> str:
    expanded = os.path.expanduser(path)  # noqa: PTH111 - pathlib costs 8 ms
    try:
        return os.path.abspath(expanded)  # noqa: PTH100 - as above
    except FileNotFoundError:
        # The folder that we are in was removed: whoever uses the path hears that nothing is there.
        return expanded
