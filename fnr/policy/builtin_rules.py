"""The built-in rules: one named cause each, as data, strongest evidence first.

Facts and exception types stand here; codes are in builtin_codes.py and words in builtin_words.py.
A rule names a cause, never a program: what only one program says belongs in a rule pack.
"""

from __future__ import annotations

from fnr.policy.builtin_codes import CODE_RULES
from fnr.policy.builtin_words import WORD_RULES
from fnr.policy.rules import Category, Level, Rule

_USED_UP, _INPUT = Category.RESOURCE, Category.VALIDATION
_DEPLOYMENT, _PASSING = Category.PERMANENT, Category.TRANSIENT

LEDGER_RULES = (
    Rule(
        name="stuck",
        category=_USED_UP,
        level=Level.LEDGER,
        stop_proven=False,
        hint="A process of it cannot be ended: storage or a driver hangs. See dmesg.",
    ),
    Rule(
        name="memory-kill",
        category=_USED_UP,
        level=Level.LEDGER,
        oom_killed=True,
        hint="Raise limits.memory, or run fewer of these at a time.",
    ),
    Rule(
        name="timeout",
        category=_PASSING,
        level=Level.LEDGER,
        killed_by=("timeout",),
        hint="If it always needs longer, raise its timeout.",
    ),
    Rule(
        name="no-progress",
        category=_PASSING,
        level=Level.LEDGER,
        killed_by=("progress_timeout",),
        hint="If it is slow and not stuck, report progress or raise progress_timeout.",
    ),
    Rule(
        name="hang",
        category=_PASSING,
        level=Level.LEDGER,
        killed_by=("hang",),
        hint="It gave no sign of life and used neither CPU, disk nor GPU.",
    ),
    Rule(
        name="output-limit",
        category=_DEPLOYMENT,
        level=Level.LEDGER,
        killed_by=("output_limit",),
        hint="It wrote more than allowed: make it quieter.",
    ),
    Rule(
        name="interrupted",
        category=_PASSING,
        level=Level.LEDGER,
        killed_by=("cancel", "drain", "restart", "operator", "recycle", "reboot", "drill"),
    ),
)


def _types(
    name: str,
    category: Category,
    exceptions: str,
    *,
    level: Level = Level.EXCEPTION,
    phases: tuple[str, ...] = (),
    text: str = "",
    hint: str = "",
) -> Rule:
    return Rule(
        name=name,
        category=category,
        level=level,
        exceptions=tuple(exceptions.split()),
        phases=phases,
        text=(text,) if text else (),
        hint=hint,
    )


TYPE_RULES = (
    # A type and words that say more than the type alone.
    _types(
        "certificate-refused",
        _DEPLOYMENT,
        "*SSLError *ConnectionError *ConnectError *URLError",
        text=r"certificate",
        hint="TLS trust is broken: check the certificate, its chain and the clock.",
    ),
    _types(
        "connections-used-up",
        _USED_UP,
        "*",
        text=r"max(imum)? number of (clients|connections)|too many (connections|clients)",
    ),
    _types(
        "result-unusable",
        _DEPLOYMENT,
        "ValueError TypeError *DecodeError *EncodeError UnicodeError OverflowError",
        phases=("result",),
        hint="The function ran, but what it gave back cannot be kept as JSON.",
    ),
    _types(
        "memory",
        _USED_UP,
        "MemoryError *OutOfMemory* *MemoryLimit*",
        hint="Run fewer at a time, use smaller batches, or raise limits.memory.",
    ),
    _types(
        "used-up",
        _USED_UP,
        "*QuotaExceeded* *LimitExceeded* *ResourceExhausted* *InsufficientResources* *DiskFull"
        " *TooManyConnections* *PoolTimeout *NoFree* sqlalchemy.exc.TimeoutError",
    ),
    _types(
        "not-loadable",
        _DEPLOYMENT,
        "ImportError ModuleNotFoundError SyntaxError NameError *LoadError",
        hint="The code, or a package it needs, is missing or broken.",
    ),
    _types(
        "not-implemented",
        _DEPLOYMENT,
        "NotImplementedError *UnsupportedOperation* *NotSupported*",
    ),
    _types(
        "access-refused",
        _DEPLOYMENT,
        "PermissionError *PermissionDenied* *AccessDenied* *Authentication* *Authorization*"
        " *Unauthorized* *Forbidden* *Credentials* *InsufficientPrivilege*"
        " *CertificateError *CertVerificationError",
        hint="Check the credentials and rights of the account that ran it.",
    ),
    _types(
        "misconfigured",
        _DEPLOYMENT,
        "*ImproperlyConfigured *Misconfig* *ConfigError *ConfigException *ConfigurationError"
        " *NotRegistered *InvalidURI",
        hint="A setting of the deployment is wrong.",
    ),
    _types(
        "not-there",
        _DEPLOYMENT,
        "FileNotFoundError IsADirectoryError NotADirectoryError *NotFoundError *NotFoundException"
        " *UndefinedTable* *UndefinedColumn* *NoSuchKey *NoSuchBucket",
        hint="If the name came with the task, the task is wrong; otherwise the deployment is.",
    ),
    _types(
        "timed-out-type",
        _PASSING,
        "TimeoutError *Timeout *TimeoutError *TimeoutException *TimeoutExpired *TimedOut*"
        " *DeadlineExceeded*",
        hint="If it always needs longer, raise the timeout.",
    ),
    _types(
        "connection-type",
        _PASSING,
        "ConnectionError *ConnectionError *ConnectError *ConnectException *ConnectionRefused*"
        " *ConnectionReset* *ConnectionClosed* *Disconnected* *IncompleteRead *ProtocolError"
        " *BadStatusLine *PayloadError *ChunkedEncodingError *SSLEOFError *NoHttpResponse*"
        " *NoBrokersAvailable",
        hint="The other side was not reachable or went away.",
    ),
    _types(
        "passing-type",
        _PASSING,
        "*RateLimit* *Throttl* *TooManyRequests* *ServiceUnavailable* *ServerBusy*"
        " *InternalServerError *Deadlock* *SerializationFailure *LockNotAvailable* BlockingIOError"
        " InterruptedError *BrokenProcessPool *DiedError *DeadError",
    ),
    _types(
        "bad-data",
        _INPUT,
        "*ValidationError *ValidationException *SchemaError *JSONDecodeError *DecodeError"
        " UnicodeError *ParseError *ParserError zlib.error binascii.Error struct.error"
        " *BadGzipFile *BadZipFile *LZMAError *ReadError _csv.Error EOFError *UnidentifiedImage*"
        " *InvalidParameter* *InvalidArgument* *InvalidInput* *BadRequest* *IntegrityError"
        " *UniqueViolation* *NotNullViolation* *ForeignKeyViolation* *CheckViolation* *DataError"
        " *InvalidTextRepresentation* *InvalidDocument *InvalidId",
        hint="The input is wrong: correct it and replay.",
    ),
)


# Signs that many causes share: they decide only what nothing else explains.
GENERAL_RULES = (
    Rule(
        name="import-failed",
        category=_DEPLOYMENT,
        level=Level.GENERAL,
        phases=("import",),
        hint="The function's module cannot be loaded: correct it and restart its workers.",
    ),
    Rule(
        name="start-failed",
        category=_DEPLOYMENT,
        level=Level.GENERAL,
        phases=("start",),
        hint="Check command, cwd, user and env in fnr.toml.",
    ),
    Rule(
        name="result-missing",
        category=_DEPLOYMENT,
        level=Level.GENERAL,
        phases=("result",),
        hint="The function ran, but what `result` in fnr.toml promises was not there.",
    ),
    Rule(
        name="killed-from-outside",
        category=_PASSING,
        level=Level.GENERAL,
        codes=("signal:SIGKILL",),
        oom_killed=False,
        hint="SIGKILL came neither from fnr nor from the kernel's memory killer.",
    ),
    Rule(
        name="killed",
        category=Category.UNKNOWN,
        level=Level.GENERAL,
        codes=("signal:SIGKILL",),
        hint="A SIGKILL that fnr did not send: often the memory killer, but no record says so.",
    ),
    Rule(
        name="crash",
        category=Category.UNKNOWN,
        level=Level.GENERAL,
        codes=("signal:SIGSEGV", "signal:SIGILL", "signal:SIGABRT", "signal:SIGFPE"),
        hint="Native code crashed. If it does so again, suspect a driver, a library or the input.",
    ),
    Rule(
        name="bus-error",
        category=Category.UNKNOWN,
        level=Level.GENERAL,
        codes=("signal:SIGBUS",),
        hint="Often a full /dev/shm (raise shm-size), or a mapped file that was cut short.",
    ),
    _types("value", _INPUT, "ValueError TypeError LookupError", level=Level.GENERAL),
    _types("arithmetic", _INPUT, "ArithmeticError AssertionError", level=Level.GENERAL),
    _types(
        "code",
        _DEPLOYMENT,
        "AttributeError RecursionError",
        level=Level.GENERAL,
        hint="A mistake in the code, or packages that do not fit each other.",
    ),
    Rule(
        name="called-invalid",
        category=_INPUT,
        level=Level.GENERAL,
        text=(r"\b(invalid|illegal|wrong)\b",),
    ),
    Rule(
        name="called-missing",
        category=_DEPLOYMENT,
        level=Level.GENERAL,
        text=(r"\bnot found\b|\bmissing\b|\bno such\b|not available",),
    ),
)

BUILTIN_RULES = (*LEDGER_RULES, *CODE_RULES, *TYPE_RULES, *WORD_RULES, *GENERAL_RULES)
