"""The cases of a drill: which task meets which fault, what its error should be called, how it ends.

The names were given by hand, by what an operator would do about each error; they are not what
some version of fnr happens to answer.
"""

from __future__ import annotations

from msgspec import Struct, field

from fnr.cli.demo.faults import fraction_of
from fnr.policy.faults import CATALOGUE

CASE_TAG = "case"


class Case(Struct, frozen=True, kw_only=True):
    """One error scenario: one task and what happens to it.

    category: what its first error should be called; "" where any name, or none, will do.
    recovers: whether it should be done in the end; else it should be a dead letter.
    """

    name: str
    fault: str
    function: str
    input: dict[str, object] = field(default_factory=dict)
    category: str = ""
    recovers: bool = True
    timeout: str = ""


class Text(Struct, frozen=True):
    """An error as programs raise it."""

    exception: str
    message: str
    category: str
    code: str = "-"


TEXTS = (
    Text("OSError", "Connection reset by peer", "transient", "ECONNRESET"),
    Text("torch.OutOfMemoryError", "CUDA out of memory. Tried to allocate 2.00 GiB", "resource"),
    Text("TimeoutError", "timed out", "transient"),
    Text("OSError", "No space left on device", "resource", "ENOSPC"),
    Text("requests.exceptions.ConnectionError", "('Connection aborted.', RemoteDisconnected("
         "'Remote end closed connection without response'))", "transient"),
    Text("MemoryError", "Unable to allocate 3.10 GiB for an array", "resource"),
    Text("RuntimeError", "HTTP 503 Service Unavailable", "transient", "503"),
    Text("ValueError", "invalid literal for int() with base 10: 'abc'", "validation"),
    Text("OSError", "Temporary failure in name resolution", "transient"),
    Text("OSError", "Too many open files", "resource", "EMFILE"),
    Text("RuntimeError", "HTTP 502 Bad Gateway", "transient", "502"),
    Text("RuntimeError", "CUDA error: out of memory", "resource"),
    Text("redis.exceptions.ConnectionError", "Error while reading from socket: Connection reset"
         " by peer", "transient"),
    Text("OSError", "Cannot allocate memory", "resource", "ENOMEM"),
    Text("psycopg2.OperationalError", "server closed the connection unexpectedly", "transient"),
    Text("OSError", "Permission denied", "permanent", "EACCES"),
    Text("OSError", "Broken pipe", "transient", "EPIPE"),
    Text("OSError", "Disk quota exceeded", "resource", "EDQUOT"),
    Text("botocore.exceptions.ReadTimeoutError", "Read timeout on endpoint URL:"
         " \"https://bucket.s3.example/key\"", "transient"),
    Text("OSError", "Connection refused", "transient", "ECONNREFUSED"),
    Text("sqlite3.OperationalError", "database is locked", "transient"),
    Text("RuntimeError", "cuBLAS error: CUBLAS_STATUS_ALLOC_FAILED", "resource"),
    Text("RuntimeError", "HTTP 504 Gateway Timeout", "transient", "504"),
    Text("jsonschema.exceptions.ValidationError", "'prompt' is a required property", "validation"),
    Text("asyncio.exceptions.TimeoutError", "deadline exceeded while waiting for the reply",
         "transient"),
    Text("ModuleNotFoundError", "No module named 'xformers'", "permanent"),
)  # fmt: skip

# How many tasks meet each fault inside of attempts, and where.
_INSIDE = (
    ("hang", "canary-hang", 2),
    ("busy-loop", "canary", 2),
    ("exit-code", "canary-crash", 2),
    ("exit-silent", "canary-crash", 2),
    ("segfault", "canary-crash", 1),
    ("memory", "canary-memory", 2),
    ("open-files", "canary", 2),
    ("result-garbage", "canary", 1),
    ("result-too-large", "canary", 1),
)
SERVICE_FAULTS = tuple(name for name in CATALOGUE if name.startswith("service-"))
_PER_SERVICE_FAULT = 2
PATIENTS = (("worker-kill", 2), ("worker-stop", 2))
BUSY_TIMEOUT = "1500ms"


def wave(concurrent: int, *, seed: int, live: bool) -> list[Case]:
    """So many cases at once, the same ones for the same seed.

    live: only faults inside of attempts, all of the function that every host with chaos has.
    """
    cases = [
        _inside(fault, "canary" if live else function, number)
        for fault, function, count in _INSIDE
        for number in range(count)
        if not (live and fault == "memory")
    ]
    if not live:
        cases += _outside()
    texts = sorted(TEXTS, key=lambda text: fraction_of(seed, text.message))
    for number in range(max(0, concurrent - len(cases))):
        cases.append(_error(texts[number % len(texts)], number))
    return cases


def _inside(fault: str, function: str, number: int) -> Case:
    entry = CATALOGUE[fault]
    return Case(
        name=f"{fault} {number + 1}",
        fault=fault,
        function=function,
        category=entry.category,
        recovers=entry.recovers,
        timeout=BUSY_TIMEOUT if fault == "busy-loop" else "",
    )


def _outside() -> list[Case]:
    cases = [
        Case(
            name=f"{fault} {number + 1}",
            fault=fault,
            function="canary-service",
            category="" if fault == "service-429" else CATALOGUE[fault].category,
        )
        for fault in SERVICE_FAULTS
        for number in range(_PER_SERVICE_FAULT)
    ]
    for fault, count in (("disk-full", 2), ("output-read-only", 1)):
        entry = CATALOGUE[fault]
        cases += [
            Case(
                name=f"{fault} {number + 1}",
                fault=fault,
                function="canary-output",
                category=entry.category,
                recovers=entry.recovers,
            )
            for number in range(count)
        ]
    cases += [
        Case(
            name=f"{fault} {number + 1}",
            fault=fault,
            function="canary-patient",
            category=CATALOGUE[fault].category,
        )
        for fault, count in PATIENTS
        for number in range(count)
    ]
    return cases


def _error(text: Text, number: int) -> Case:
    say = {"exception": text.exception, "message": text.message, "code": text.code}
    return Case(
        name=f"{text.exception}: {text.message} ({number + 1})",
        fault="error",
        function="canary",
        input={"raise_": say["exception"], "say": say["message"], "code": say["code"]},
        category=text.category,
        recovers=text.category in {"transient", "resource"},
    )
