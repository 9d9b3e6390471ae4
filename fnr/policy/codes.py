"""Find machine-readable codes in words: `[Errno 28]`, `HTTP 503`, `exit status 137`, ECONNRESET.

Only unmistakable spellings count. A number without the word that says what it is stays a number:
"Error 404 items" is not HTTP. One look with RE2 tells which spellings occur at all; only those are
read out.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Callable
from functools import lru_cache
from signal import Signals

import re2

from fnr.policy.evidence import Code

TEXT_CHARS_MAX = 8_000

# Resolver errors have numbers of their own, below zero in Python's "[Errno -2]".
_RESOLVER_ERRORS = {
    "-1": "EAI_BADFLAGS", "-2": "EAI_NONAME", "-3": "EAI_AGAIN", "-4": "EAI_FAIL",
    "-5": "EAI_NODATA", "-6": "EAI_FAMILY", "-7": "EAI_SOCKTYPE", "-8": "EAI_SERVICE",
    "-9": "EAI_ADDRFAMILY", "-10": "EAI_MEMORY", "-11": "EAI_SYSTEM",
}  # fmt: skip
_SIGNAL_NAMES = {signal.value: signal.name for signal in Signals}
_ERRNO_NAMES = frozenset(errno.errorcode.values())
# What the system's library says for a number that the program has left out, where nothing else is
# ever said so: "permission denied" may be a server's own word.
_ERRNO_WORDS = {
    "no space left on device": "ENOSPC",
    "address already in use": "EADDRINUSE",
    "too many open files": "EMFILE",
    "disk quota exceeded": "EDQUOT",
}
# The same for servers of databases, whose clients often pass on the words alone.
_SQLSTATE_WORDS = {
    "could not serialize access": "40001",
    "deadlock found when trying to get lock": "40001",
    "terminating connection due to administrator command": "57P01",
    "the database system is starting up": "57P03",
    "the database system is shutting down": "57P03",
    "remaining connection slots are reserved": "53300",
    "too many clients already": "53300",
    "too many connections for role": "53300",
}
# What cudaGetErrorString says, which most libraries print in place of the name.
_CUDA_WORDS = {
    "an illegal memory access": "cudaErrorIllegalAddress",
    "an illegal instruction": "cudaErrorIllegalInstruction",
    "misaligned address": "cudaErrorMisalignedAddress",
    "unspecified launch failure": "cudaErrorLaunchFailure",
    "the launch timed out": "cudaErrorLaunchTimeout",
    "too many resources requested for launch": "cudaErrorLaunchOutOfResources",
    "device-side assert triggered": "cudaErrorAssert",
    "uncorrectable ecc error": "cudaErrorECCUncorrectable",
    "out of memory": "cudaErrorMemoryAllocation",
    "initialization error": "cudaErrorInitializationError",
    "no kernel image is available": "cudaErrorNoKernelImageForDevice",
    "no cuda-capable device is detected": "cudaErrorNoDevice",
    "all cuda-capable devices are busy": "cudaErrorDevicesUnavailable",
    "cuda driver version is insufficient": "cudaErrorInsufficientDriver",
    "invalid device ordinal": "cudaErrorInvalidDevice",
    "invalid device function": "cudaErrorInvalidDeviceFunction",
    "invalid resource handle": "cudaErrorInvalidResourceHandle",
    "invalid configuration argument": "cudaErrorInvalidConfiguration",
    "invalid argument": "cudaErrorInvalidValue",
    "unknown error": "cudaErrorUnknown",
}
# BSD's sysexits.h, which is what exit statuses 64 to 78 mean when anything is meant by them.
_SYSEXITS = {
    "EX_USAGE": 64, "EX_DATAERR": 65, "EX_NOINPUT": 66, "EX_NOUSER": 67, "EX_NOHOST": 68,
    "EX_UNAVAILABLE": 69, "EX_SOFTWARE": 70, "EX_OSERR": 71, "EX_OSFILE": 72, "EX_CANTCREAT": 73,
    "EX_IOERR": 74, "EX_TEMPFAIL": 75, "EX_PROTOCOL": 76, "EX_NOPERM": 77, "EX_CONFIG": 78,
}  # fmt: skip
GRPC_NAMES = frozenset(
    {
        "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND",
        "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
        "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS",
        "UNAUTHENTICATED",
    }
)  # fmt: skip


def _errno_of_number(number: str) -> Code | None:
    name = errno.errorcode.get(abs(int(number)))
    return Code(family="errno", value=name) if name else None


def _errno_below_zero(number: str) -> Code | None:
    """In brackets as Python has it: of the resolver, or a library's own, as NetCDF's are."""
    name = _RESOLVER_ERRORS.get(number)
    return Code(family="resolver", value=name) if name else None


def _errno_of_name(name: str) -> Code | None:
    if name.startswith("EAI_"):
        return Code(family="resolver", value=name)
    return Code(family="errno", value=name) if name in _ERRNO_NAMES else None


def _errno_of_words(words: str) -> Code | None:
    return Code(family="errno", value=_ERRNO_WORDS[words.lower()])


def _sqlstate_of_words(words: str) -> Code | None:
    return Code(family="sqlstate", value=_SQLSTATE_WORDS[words.lower()])


def _cuda_of_words(words: str) -> Code | None:
    return Code(family="cuda", value=_CUDA_WORDS[words.lower()])


def _http(status: str) -> Code | None:
    return Code(family="http", value=status) if 400 <= int(status) <= 599 else None


def _exit(status: str) -> Code | None:
    return Code(family="exit", value=str(int(status))) if 0 < int(status) <= 255 else None


def _signal(sign: str) -> Code | None:
    name = signal_name(int(sign)) if sign.isdecimal() else sign
    return Code(family="signal", value=name) if name in Signals.__members__ else None


def _grpc(status: str) -> Code | None:
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", status).upper()
    return Code(family="grpc", value=name) if name in GRPC_NAMES else None


def _sqlstate(state: str) -> Code:
    return Code(family="sqlstate", value=state.upper())


def _as(family: str) -> Callable[[str], Code]:
    """The value as it is written."""
    return lambda value: Code(family=family, value=value)


def _sysexit(name: str) -> Code:
    return Code(family="exit", value=str(_SYSEXITS[name]))


# "HTTP 503", "HTTP/1.1\" 503", "status code: 503", "Error code: 503", "statuscode=503".
_HTTP_STATUS = (
    r"""(?i)\b(?:http(?:/[0-9.]{1,3}"?|[ _-]?(?:error|code|status))?|(?:error|response)[ _-]code"""
    r"""|status(?:[ _-]?code)?)["']?[ ]?[:=]?[ ]?([45][0-9]{2})\b"""
)
_HTTP_PHRASE = (
    r"\b([45][0-9]{2}) (?:Client Error|Server Error|Bad Request|Unauthorized|Forbidden"
    r"|Payment Required|Not Found|Too Many Requests|Internal Server Error|Not Implemented"
    r"|Bad Gateway|Service (?:Temporarily )?Unavailable|Gateway Time-?out|Insufficient Storage)\b"
)
# "exit status 137", "exited with code 1", "Exit Code:  137", "exit 3".
_EXIT_STATUS = (
    r"(?i)\bexit(?:ed)?(?: with)?(?: non-zero)?(?: (?:status|code))?[ :=]{1,3}([0-9]{1,3})\b"
)

# "CUDA error: out of memory", "cuda runtime error (700) : an illegal memory access".
_CUDA_SAID = (
    r"(?i)\bcuda (?:runtime |driver )?(?:error|failure)(?: ?\(?[0-9]{1,3}\)?)? ?: ?"
    rf"({'|'.join(_CUDA_WORDS)})\b"
)

# What is read out is the first group of each.
_SPELLINGS: tuple[tuple[str, Callable[[str], Code | None]], ...] = (
    # Node writes the system's number below zero, and zlib its own, but both a name beside it.
    (r"(?i)\berrno[ :=]{1,2}([0-9]{1,3})\b", _errno_of_number),
    (r"\[Errno (-[0-9]{1,3})\]", _errno_below_zero),
    (r"(?i)(?:^|[^\w\[])errno (-[0-9]{1,3})\b", _errno_of_number),
    (r"\(os error ([0-9]{1,3})\)", _errno_of_number),
    (r"\bcode: ([0-9]{1,3}), kind: ", _errno_of_number),
    (r"\b(E[A-Z][A-Z0-9_]{2,14})\b", _errno_of_name),
    # In an address of socket.io EIO=4 is a version.
    (r"\b(E2BIG|EIO)(?:[^\w=]|$)", _errno_of_name),
    (rf"(?i)\b({'|'.join(_ERRNO_WORDS)})\b", _errno_of_words),
    (r"\{error, ?(e[a-z]{3,14})\}", lambda name: _errno_of_name(name.upper())),
    (rf"(?i)\b({'|'.join(_SQLSTATE_WORDS)})\b", _sqlstate_of_words),
    (_HTTP_STATUS, _http),
    (_HTTP_PHRASE, _http),
    (r"\(HTTP ([45][0-9]{2})\)", _http),
    # HAProxy's line for a request: its times, then status and size.
    (r"/-?[0-9]{1,9}/-?[0-9]{1,9}/\+?[0-9]{1,9} ([45][0-9]{2}) \+?[0-9]{1,12} - - ", _http),
    (_EXIT_STATUS, _exit),
    (rf"\b({'|'.join(_SYSEXITS)})\b", _sysexit),
    (r"(?i)\bsignal[ :=]{1,2}([0-9]{1,2})\b", _signal),
    (r"\b(?:Signals\.|signal )(SIG[A-Z]{2,5})\b", _signal),
    (r"\*\*\* (SIG[A-Z]{2,5}) received", _signal),
    (r"\bStatusCode\.([A-Z_]{5,19})\b", _grpc),
    (r"\bcode = ([A-Za-z]{5,19}) desc = ", _grpc),
    (r"(?i)\bsqlstate[ :=\[(]{1,3}([0-9A-Z]{5})\b", _sqlstate),
    (r"\bERROR [0-9]{4} \(([0-9A-Z]{5})\)", _sqlstate),
    (r"\bXid(?:[ :=]{1,2}| \([^()]{1,40}\): )([0-9]{1,3})\b", _as("xid")),
    (r"\b(CUDA_ERROR_[A-Z_]{4,60})\b", _as("cuda")),
    (r"\b(cudaError[A-Z]\w{2,60})\b", _as("cuda")),
    (r"(?i)\bcuda (?:runtime |driver )?(?:error|failure)(?: code)?[ :=(]{1,3}([0-9]{1,3})\b",
     _as("cuda")),
    (_CUDA_SAID, _cuda_of_words),
    (r"\b(hipError[A-Z]\w{2,60})\b", _as("hip")),
    (r"\b(CUBLAS_STATUS_[A-Z_]{4,40})\b", _as("cublas")),
    (r"\b(CUDNN_STATUS_[A-Z_]{4,60})\b", _as("cudnn")),
    (r"\b(nccl(?:[A-Z][a-z]{2,20}){1,4}(?:Error|Usage|Argument|InProgress))\b", _as("nccl")),
    (r"\b(NVML_ERROR_[A-Z_]{4,40})\b", _as("nvml")),
    (r"An error occurred \(([A-Za-z0-9.]{3,60})\) when calling", _as("aws")),
    (r"<Code>([A-Za-z]{3,60})</Code>", _as("aws")),
    (r"\b(ORA-[0-9]{5})\b", _as("ora")),
    (r"\bcurl: \(([0-9]{1,2})\)", _as("curl")),
    (r"\((1[0-9]{3}|2[0-9]{3}|3[0-9]{3}), ['\"]", _as("mysql")),
    (r"\bERROR ([1-4][0-9]{3})(?: \([0-9A-Z]{5}\))?(?: at line [0-9]{1,9})?: ", _as("mysql")),
    (r"\b[\"']?code(?:Name)?[\"']?: ([0-9]{1,5}), [\"']?codeName", _as("mongo")),
    (r"\b(SQLITE_[A-Z_]{4,30})\b", _as("sqlite")),
)  # fmt: skip


def signal_name(number: int) -> str:
    """ "SIGSEGV" for 11; the number itself where the system has no name for it."""
    return _SIGNAL_NAMES.get(number, str(number))


# Where the UTF-8 of a text spells a code out.
Place = tuple[int, int]


def code_facts(text: str) -> tuple[Code, ...]:
    """Codes that the text spells out, each once, in the order of the table of spellings."""
    return tuple(spelled_codes(text))


def spelled_codes(text: str) -> dict[Code, Place]:
    """The same, each with the first place where it stands."""
    words = text[:TEXT_CHARS_MAX].encode(errors="replace")
    spellings = _spellings()
    found: dict[Code, Place] = {}
    for index in spellings.Match(words) or ():
        code_of = _SPELLINGS[index][1]
        for match in spellings.re(index).finditer(words):
            code = code_of(match[1].decode())
            if code is not None and code not in found:
                found[code] = match.span()
    return found


@lru_cache(maxsize=1)
def _spellings() -> re2.Filter:
    """All spellings as one expression that says which of them occur."""
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1  # every sign of the spellings is ASCII
    known = re2.Filter()
    for pattern, _ in _SPELLINGS:
        known.Add(pattern.encode(), options)
    known.Compile()
    return known
