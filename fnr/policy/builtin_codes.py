"""The built-in rules on machine codes: errno, HTTP, exit statuses, signals, gRPC, SQL, Xid.

A rule with more conditions wins over one with fewer; among equals the earlier wins, so the order
is part of the rules: what is used up, what is wrong, what passes.
"""

from __future__ import annotations

from fnr.policy.builtin_words import OUT_OF_MEMORY
from fnr.policy.rules import Category, Level, Rule

_USED_UP, _INPUT = Category.RESOURCE, Category.VALIDATION
_DEPLOYMENT, _PASSING = Category.PERMANENT, Category.TRANSIENT


def _codes(
    name: str,
    category: Category,
    *families: str,
    text: str = "",
    exceptions: tuple[str, ...] = (),
    phases: tuple[str, ...] = (),
    hint: str = "",
) -> Rule:
    """A rule on codes; each family is written with its values: "errno ENOSPC EDQUOT"."""
    named = [family.split() for family in families]
    return Rule(
        name=name,
        category=category,
        level=Level.CODE,
        codes=tuple(f"{family}:{value}" for family, *values in named for value in values),
        exceptions=exceptions,
        phases=phases,
        text=(text,) if text else (),
        hint=hint,
    )


# A code and words that say more than the code alone.
_TOLD_APART = (
    _codes(
        "memory-at-peer",
        _USED_UP,
        "http 400-599",
        "signal SIGABRT SIGKILL SIGSEGV SIGBUS",
        text=OUT_OF_MEMORY,
        hint="It failed for want of memory, whatever the code says.",
    ),
    _codes(
        "told-to-try-again",
        _PASSING,
        "http 400-499",
        text=r"try.?again|concurrent|in.?progress|throttling|rate.?limit|too many requests",
    ),
    _codes(
        "allowance-used-up",
        _USED_UP,
        "http 402-429",
        text=r"quota|billing|insufficient.?(funds|balance|credit)|(plan|spending) limit",
        hint="An allowance at the other side is used up.",
    ),
    _codes(
        "rights-missing",
        _DEPLOYMENT,
        "http 400",
        text=r"not (authorized|permitted|verified|allowed)|(api|secret|access).?key|credential"
        r"|access denied|expired.{0,20}token|token.{0,20}expired|permission|is disabled"
        r"|invalid.?(client|token|signature)|subscription",
        hint="Check the credentials and rights of the account that asked.",
    ),
    _codes(
        "named-object-missing",
        _DEPLOYMENT,
        "http 400",
        exceptions=("*NotFound*", "*NoSuch*"),
        hint="Something it names is not there at the other side.",
    ),
    _codes(
        "message-too-large",
        _INPUT,
        "grpc RESOURCE_EXHAUSTED",
        text=r"larger than|too large|exceeds",
    ),
    _codes(
        "cannot-start",
        _DEPLOYMENT,
        "errno ENOENT EACCES EPERM ENOEXEC ENOTDIR EISDIR ELOOP",
        phases=("start",),
        hint="Check command and cwd in fnr.toml: the program must exist and be executable.",
    ),
)

_USED_UP_CODES = (
    _codes(
        "disk-full",
        _USED_UP,
        "errno ENOSPC EDQUOT",
        "http 507",
        hint="Free space, or raise the quota.",
    ),
    _codes(
        "memory-refused",
        _USED_UP,
        "errno ENOMEM ENOBUFS",
        hint="Free memory, run fewer at a time, or raise limits.memory.",
    ),
    _codes(
        "too-many-files",
        _USED_UP,
        "errno EMFILE ENFILE",
        hint="Raise limits.files, or look for files that are never closed.",
    ),
    _codes(
        "process-limit",
        _USED_UP,
        "signal SIGXCPU SIGXFSZ",
        "errno EFBIG",
        hint="It passed limits.cpu_time or limits.file_size.",
    ),
    _codes(
        "address-in-use",
        _USED_UP,
        "errno EADDRINUSE",
        hint="Another process holds the port.",
    ),
    _codes("peer-exhausted", _USED_UP, "grpc RESOURCE_EXHAUSTED", "sqlstate 53*"),
)

_INPUT_CODES = (
    _codes("request-refused", _INPUT, "http 400 402 406 411-417 422 431"),
    _codes(
        "data-refused",
        _INPUT,
        "grpc INVALID_ARGUMENT OUT_OF_RANGE FAILED_PRECONDITION ALREADY_EXISTS",
        "sqlstate 22* 23*",
        "errno ENAMETOOLONG EILSEQ",
    ),
    _codes("exit-data", _INPUT, "exit 65 66", hint="The program says its input is wrong."),
)

_DEPLOYMENT_CODES = (
    _codes(
        "gpu-fault",
        _DEPLOYMENT,
        "xid 48 62 63 64 74 79 92 94 95 119 120",
        hint="The GPU itself reports a fault: drain it, look up its Xid, reset or replace it.",
    ),
    _codes(
        "request-not-allowed",
        _DEPLOYMENT,
        "http 401 403 404 405 407 410 451 501 505",
        hint="Check the address, and the credentials and rights of the account that asked.",
    ),
    _codes(
        "peer-refuses",
        _DEPLOYMENT,
        "grpc PERMISSION_DENIED UNAUTHENTICATED UNIMPLEMENTED NOT_FOUND",
        "sqlstate 28* 3D* 42*",
        hint="Credentials, rights or names at the other side do not fit.",
    ),
    _codes(
        "file-access",
        _DEPLOYMENT,
        "errno EACCES EPERM EROFS",
        hint="Check owner, mode and mount options.",
    ),
    _codes(
        "file-missing",
        _DEPLOYMENT,
        "errno ENOENT ENOTDIR EISDIR ENODEV ENXIO ELOOP ENOEXEC",
        hint="If the path came with the task, the task is wrong; otherwise the deployment is.",
    ),
    _codes(
        "cannot-execute",
        _DEPLOYMENT,
        "exit 126 127",
        hint="A program was not found or is not executable.",
    ),
    _codes("exit-configuration", _DEPLOYMENT, "exit 77 78"),
    _codes("no-such-host", _DEPLOYMENT, "resolver EAI_NONAME EAI_NODATA"),
)

_PASSING_CODES = (
    _codes("server-trouble", _PASSING, "http 408 423 425 429 500 502-504 520-529"),
    _codes(
        "network",
        _PASSING,
        "errno ECONNRESET ECONNREFUSED ECONNABORTED EPIPE ENETUNREACH ENETDOWN ENETRESET",
        "errno EHOSTUNREACH EHOSTDOWN ENOTCONN ESHUTDOWN ETIMEDOUT ETIME",
        "resolver EAI_AGAIN",
    ),
    _codes("busy", _PASSING, "errno EAGAIN EBUSY EINTR EDEADLK ETXTBSY ESTALE"),
    _codes(
        "peer-passing",
        _PASSING,
        "grpc UNAVAILABLE DEADLINE_EXCEEDED ABORTED CANCELLED",
        "sqlstate 08* 40* 55P03 57P*",
    ),
    _codes("exit-try-again", _PASSING, "exit 69 75 124"),
    _codes(
        "asked-to-end",
        _PASSING,
        "signal SIGTERM SIGINT SIGHUP SIGPIPE SIGALRM",
        hint="A signal that fnr did not send ended it.",
    ),
)

CODE_RULES = (
    *_TOLD_APART,
    *_USED_UP_CODES,
    *_INPUT_CODES,
    *_DEPLOYMENT_CODES,
    *_PASSING_CODES,
)
