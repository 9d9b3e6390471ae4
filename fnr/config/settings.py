"""The settings as frozen values with their defaults; loading and checking are in load.py.

Durations are milliseconds and sizes MiB or bytes here; people write "5m" and "8GiB".
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct, field

from fnr.policy.alert import Channel
from fnr.policy.breaker import BreakerSettings
from fnr.policy.breaker_counts import TripRules
from fnr.policy.chaos import ChaosSettings
from fnr.policy.degrade import Rung
from fnr.policy.needs import Needs
from fnr.policy.retry import RetryPolicy

COMFYUI_URL = "http://127.0.0.1:8188"


class LimitSettings(Struct, frozen=True, kw_only=True):
    """Hard limits of one function's process."""

    memory_mib: int | None = None
    cpu_time_s: int | None = None
    files: int | None = None
    file_size_mib: int | None = None


class FunctionSettings(Struct, frozen=True, kw_only=True):
    """One [functions.NAME] table.

    kind:   "python", "comfyui", "command" or "run" (built in: any command given with the task).
    comfyui: the service on which a workflow runs; url: where it is; workflow: its file, None if the
            input brings it; nodes: "NODE.INPUT" → key of the input; save_to: folder for its files.
    input:  declared input types, name -> "str" | "int" | "float" | "bool" | "list" | "object" |
            "any", with "?" behind an optional one; empty means anything goes.
    result: "" | "stdout" | "json" | "file:{output}".
    undo:   steps that a command records before each attempt, one {kind: template} each.
    undo_before_retry: what a failed attempt did is undone before the next one.
    undo_within: folders outside of which no step may remove a file; none: anywhere.
    window: attempts a worker may hold; 0 lets fnr choose by how long attempts take.
    env_from_file: what env_file held when the settings were loaded.
    services: what it depends on; while the breaker of one is open, no attempt starts.
    gpus, vram_mib, memory_mib, cpus, disk: what an attempt needs; see policy/needs.
    """

    name: str
    kind: str
    python: str = ""
    comfyui: str = ""
    url: str = COMFYUI_URL
    workflow: str | None = None
    nodes: dict[str, str] = field(default_factory=dict)
    save_to: str | None = None
    command: tuple[str, ...] = ()
    stdin: str = ""
    result: str = ""
    input: dict[str, str] = field(default_factory=dict)
    workers_min: int = 1
    workers_max: int = 1
    idle_timeout_ms: int = 60_000
    max_tasks_per_worker: int | None = None
    window: int = 0
    timeout_ms: int | None = None
    progress_timeout_ms: int | None = None
    hang_timeout_ms: int = 3_000
    grace_ms: int = 5_000
    on_daemon_exit: str = "keep"
    gpus: int = 0
    vram_mib: int | None = None
    memory_mib: int | None = None
    cpus: int | None = None
    disk: tuple[str, int] | None = None
    env: dict[str, str] = field(default_factory=dict)
    env_file: str | None = None
    env_from_file: dict[str, str] = field(default_factory=dict)
    cwd: str | None = None
    user: str | None = None
    nice: int | None = None
    limits: LimitSettings = LimitSettings()
    retry: RetryPolicy = RetryPolicy()
    services: tuple[str, ...] = ()
    undo: tuple[dict[str, Any], ...] = ()
    undo_before_retry: bool = False
    undo_tries_max: int = 5
    undo_timeout_ms: int = 30_000
    undo_within: tuple[str, ...] = ()
    degrade: tuple[Rung, ...] = ()

    @property
    def in_process(self) -> bool:
        """Is an attempt a call in the worker itself, and no program that it starts?"""
        return self.kind in {"python", "comfyui"}

    @property
    def on_gpu(self) -> bool:
        """Does an attempt need a GPU?"""
        return bool(self.gpus or self.vram_mib)

    @property
    def is_counted(self) -> bool:
        """Does an attempt need anything that is counted? Cheap: asked for every attempt."""
        return bool(
            self.gpus or self.vram_mib or self.memory_mib or self.cpus or self.disk is not None
        )

    @property
    def needs(self) -> Needs:
        """What an attempt needs of the host."""
        path, mib = self.disk or ("", 0)
        return Needs(
            gpus=self.gpus,
            vram_mib=self.vram_mib or 0,
            memory_mib=self.memory_mib or 0,
            cpus=self.cpus or 0,
            disk_path=path,
            disk_mib=mib,
            services=self.services,
        )


class BreakerTable(Struct, frozen=True, kw_only=True):
    """One [breakers.NAME] table.

    window: so many failures of so many calls; (0, 0) asks nothing.
    probe:  ("GET", url), ("TCP", host:port) or a command; () when health is not asked for.
    shadow: it says what it would do, and lets everything through.
    """

    failures_max: int = 5
    window: tuple[int, int] = (6, 10)
    gradual: bool = True
    forget_ms: int = 3_600_000
    open_ms: int = 60_000
    open_max_ms: int = 600_000
    trials: int = 1
    call_max_ms: int | None = None
    errors: tuple[str, ...] = ()
    probe: tuple[str, ...] = ()
    probe_every_ms: int = 5_000
    probe_timeout_ms: int = 5_000
    shadow: bool = False

    def rules(self, name: str) -> BreakerSettings:
        """What decides when the breaker of this name opens and closes."""
        window_failed, window_of = self.window
        return BreakerSettings(
            name=name,
            trip=TripRules(
                failures_max=self.failures_max,
                window_failed=window_failed,
                window_of=window_of,
                gradual=self.gradual,
                forget_ms=self.forget_ms,
            ),
            open_ms=self.open_ms,
            open_max_ms=self.open_max_ms,
            trials=self.trials,
            call_max_ms=self.call_max_ms,
            errors=self.errors,
        )


class DaemonSettings(Struct, frozen=True, kw_only=True):
    """The [daemon] table."""

    drain_timeout_ms: int = 60_000
    queue_max: int = 10_000_000
    clients_max: int = 1_000
    disk_free_min_mib: int = 64
    kernel_log: str = "/dev/kmsg"
    restart_delay_base_ms: int = 200
    restart_delay_max_ms: int = 60_000


class StoreSettings(Struct, frozen=True, kw_only=True):
    """The [store] table: how long what is kept. Dead letters are never forgotten by age."""

    keep_done_ms: int = 7 * 24 * 3_600_000
    keep_cancelled_ms: int = 7 * 24 * 3_600_000
    keep_incidents_ms: int = 90 * 24 * 3_600_000
    incidents_quiet_ms: int = 24 * 3_600_000
    keep_telemetry_ms: int = 7 * 24 * 3_600_000
    reserve_mib: int = 16


class LogSettings(Struct, frozen=True, kw_only=True):
    """The [log] table: level, format ("text" or "json"), and the rotation of worker logs."""

    level: str = "info"
    format: str = "text"
    file_bytes_max: int = 10 * 1024 * 1024
    files_max: int = 5
    worker_bytes_max: int = 10 * 1024 * 1024


class RuleSettings(Struct, frozen=True, kw_only=True):
    """The [rules] table.

    text_model: where no rule decides, let the wording decide if it resembles what is known.
    """

    text_model: bool = True


class AlertTable(Struct, frozen=True, kw_only=True):
    """One [alerts.NAME] table: a channel, and one way to reach it.

    headers_env: header of a webhook → environment variable with its value.
    mail: addresses; smtp: "host:port", "" for the program sendmail; sender: whom it comes from.
    """

    name: str
    severity: str = "warning"
    functions: tuple[str, ...] = ()
    every_ms: int = 15 * 60_000
    pause_ms: int = 60_000
    timeout_ms: int = 30_000
    command: tuple[str, ...] = ()
    webhook: str = ""
    headers_env: dict[str, str] = field(default_factory=dict)
    mail: tuple[str, ...] = ()
    smtp: str = ""
    sender: str = ""

    @property
    def channel(self) -> Channel:
        """Who wants to know what."""
        return Channel(
            name=self.name,
            severity=self.severity,
            functions=self.functions,
            every_ms=self.every_ms,
            pause_ms=self.pause_ms,
        )


class Settings(Struct, frozen=True, kw_only=True):
    """Everything from fnr.toml, checked.

    redact: regular expressions; what they match is hidden before it reaches the store.
    redact_env_keys: names of environment variables whose values are hidden, with * and ?.
    """

    daemon: DaemonSettings = DaemonSettings()
    store: StoreSettings = StoreSettings()
    log: LogSettings = LogSettings()
    rules: RuleSettings = RuleSettings()
    chaos: ChaosSettings = ChaosSettings()
    redact: tuple[str, ...] = ()
    redact_env_keys: tuple[str, ...] = ()
    functions: dict[str, FunctionSettings] = field(default_factory=dict)
    breakers: dict[str, BreakerTable] = field(default_factory=dict)
    alerts: dict[str, AlertTable] = field(default_factory=dict)

    def breaker(self, name: str) -> BreakerTable:
        """The numbers of a breaker; without a table of its own, those of `default`."""
        return self.breakers.get(name) or self.breakers.get("default") or BreakerTable()
