"""Whether what stands where secrets do looks like one: words of an error stand there too."""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Mapping
from itertools import pairwise

import msgspec

from fnr.policy.secret_arguments import JOINED, PERCENT, is_password_behind

VALUE_CHARS_MIN = 4
LOGIN_NAMES = (
    r"password|passwd|passphrase|pwd|(?:db|database|user|login|smtp|imap|e?mail|ftp|ssh|root|admin"
    r"|mysql|postgres|pg|redis|rabbitmq|amqp|mongo|http|proxy|basic)[_-]?pass"
)
NAMES = (
    rf"{LOGIN_NAMES}|secret|secret[_-]?key|token|api[_-]?key|access[_-]?key(?:[_-]?id)?|private[_-]?key"
    r"|account[_-]?key|auth[_-]?key|_authtoken|signature|credential|rediscli[_-]auth|(?:token|api_key)_comfy_org"
)
# Of several only what is nothing else: "tokens" are counted, and "secrets" are named.
PLURALS = r"(?:api|access|secret|private|account|auth)[_-]?keys|credentials|passwords"
_SEVERAL = re.compile(PLURALS, re.IGNORECASE)
_IS_PASSWORD = re.compile(rf"[\w-]*(?:{LOGIN_NAMES}|pass)", re.IGNORECASE)
_CHARS_MIN = {
    "lone": 16, "hook": 8, "bot": 30, "bearer": 16, "query": 8, "cookie": 8,
    "sas": 30, "chat": 30, "header": 8, "digest": 32, "stored": 16, "weak": 8,
    "element": VALUE_CHARS_MIN, "entry": VALUE_CHARS_MIN, "pair": VALUE_CHARS_MIN,
}  # fmt: skip
# Of these kinds only what no word of a language looks like is secret.
_RANDOM = frozenset({"bearer", "scheme", "sas", "chat", "stored", "weak", "element", "entry"})
_KINDS = ("named", "flag", "token", "auth", "joined", "apart", "percent", "curl")
_FLAG_OF = {"joined": JOINED, "apart": "", "percent": PERCENT}
_TOKEN_CHARS_MIN = 20
# Behind the name may stand a version as well, or a commit.
_COMFY_CHARS = len("comfyui-") + 64
_MIXED_CHARS_MIN = 30
_RUN_CHARS_MIN = 12
_RUNS = re.compile(r"[A-Za-z0-9]+")
_INNOCENT = frozenset({"none", "null", "true", "false", "nil", "undefined", "empty", "string"})
_NUMBER_TYPE = re.compile(r"(?:\w+\.)*(?:b?float|u?int|complex)\d+\w*")
_PATH = re.compile(r"(?:[~.]{0,2}/|[A-Za-z]:\\)")
# Of a file with an ending, as keys have; base64 has no point in it.
_FILE = re.compile(r"[~.]{0,2}(?:/[\w.@+-]+)+\.[a-z][a-z0-9]{1,4}")
# What is said of a password, alone behind a colon or behind --password.
_SAID = re.compile(
    r"argument|arguments|authentication|before|changed|denied|empty|expected|expects|expired"
    r"|failed|field|file|flag|flags|from|given|hidden|ignored|incorrect|instead|into|invalid"
    r"|mismatch|missing|must|needed|needs|option|optional|options|parameter|prompt|protected"
    r"|redacted|rejected|removed|required|requires|reset|should|specified|str|switch|takes|that"
    r"|unknown|unset|unsupported|used|using|value|when|which|will|with|without|wrong"
)
# Alone in its line, but for what YAML writes before a name.
_YAML_BEFORE = re.compile(rb"(?:\A|[\r\n]|\\n)[ \t-]*[\w.-]*\Z")
_YAML_BEHIND = re.compile(rb"[ \t]*(?:\Z|[\r\n]|\\[rn])")
_CURL = re.compile(rb"\b(?:curl|wget)\b[^\n]*\Z")


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What a shape fits: its parts by their names, and the secret, if it is one.

    before, behind: what stands around it, as far as it may matter.
    """

    parts: Mapping[str, str]
    value: str
    before: bytes
    behind: bytes


def is_secret(found: Found) -> bool:
    """Is it one, by what it looks like and what stands around it?"""
    parts, value = found.parts, found.value
    kind = next((kind for kind in (*_KINDS, *_CHARS_MIN, "scheme") if kind in parts), "")
    if kind == "named":
        return _is_value(found)
    if kind == "flag":
        return _is_argument(parts["flag"].strip(" \t\"'-"), value)
    if kind == "token":
        return _is_token(value)
    if kind == "auth":
        return _is_login(value)
    if kind in _FLAG_OF:
        flag, before = parts.get("argument", _FLAG_OF[kind]), found.before.decode("latin-1")
        said = kind == "apart" and (len(value) < VALUE_CHARS_MIN or _SAID.fullmatch(value.lower()))
        return not said and is_password_behind(flag, value, before)
    if kind == "curl":
        return _CURL.search(found.before) is not None
    holder = parts.get("holder") or parts.get("holder2", "")
    if kind in _RANDOM and not (
        _IS_PASSWORD.fullmatch(holder) or _is_random(value) or _is_mixed(value)
    ):
        return False
    return len(value) >= _CHARS_MIN.get(kind, 1)


def _is_value(found: Found) -> bool:
    """Of `name = value`: the words `token: unexpected` and `password: YES` are no secrets."""
    parts, value = found.parts, found.value
    name, assigned = parts["name"], "=" in parts["sign"]
    if len(value) < VALUE_CHARS_MIN or value.lower() in _INNOCENT or value[0] in "[<{$%*(.":
        return False
    # A line of code in a traceback: `password=get_password(user)`, `token=self.token`.
    if "(" in value or re.fullmatch(rf"(?:.*[._])?{re.escape(name)}", value, re.IGNORECASE):
        return False
    if _NUMBER_TYPE.fullmatch(value) or _FILE.fullmatch(value.rstrip(".:")):
        return False
    unsure = _SEVERAL.fullmatch(name) and not (assigned or "quote" in parts)
    if unsure or (name.lower() == "pwd" and not _is_password_by(found)):
        return False
    if _is_random(value):
        return True
    if name.lower() == "_authtoken":
        return assigned
    if _IS_PASSWORD.fullmatch(name):
        return assigned or "quote" in parts or _is_alone(found)
    return assigned and name.isupper() and len(value) >= 2 * VALUE_CHARS_MIN


def _is_password_by(found: Found) -> bool:
    """Of `pwd`, which is mostly where one is: MYSQL_PWD, a connection string, a quoted name."""
    if _PATH.match(found.value):
        return False
    told = found.before.endswith((b"_", b";", b"; ")) or found.behind.startswith(b";")
    return told or "quote" in found.parts or _is_random(found.value)


def _is_alone(found: Found) -> bool:
    """Is it a line of YAML, `password: value`, and nothing that is said of a password?"""
    return (
        not _SAID.fullmatch(found.value.lower().rstrip(".!"))
        and _YAML_BEFORE.search(found.before) is not None
        and _YAML_BEHIND.match(found.behind) is not None
    )


def _is_argument(flag: str, value: str) -> bool:
    """Is what follows a flag its value, and no more of a sentence?"""
    value = value.rstrip(".,:;!?")
    if len(value) < VALUE_CHARS_MIN:
        return False
    if not (value.isalpha() and value.islower()):
        return True
    return _IS_PASSWORD.fullmatch(flag) is not None and not _SAID.fullmatch(value)


def _is_token(value: str) -> bool:
    if len(value) < (_COMFY_CHARS if value.startswith("comfyui-") else _TOKEN_CHARS_MIN):
        return False
    if value.startswith(("sk-", "pypi-")):
        # Packages and models have such names as well, of short words.
        return any(
            len(run) >= _RUN_CHARS_MIN and (_is_random(run) or _changes_case(run))
            for run in _RUNS.findall(value)
        )
    return value.isupper() or _is_random(value) or _is_mixed(value)


def _is_login(value: str) -> bool:
    """A name and a password in base64, as Docker, npm and mail servers keep them."""
    try:
        raw = b64decode(value + "=" * (-len(value) % 4), validate=True)
    except (NotBase64, ValueError):
        return False
    return raw.isascii() and (b":" in raw or b"\0" in raw) and len(raw) >= VALUE_CHARS_MIN


def _is_random(value: str) -> bool:
    """Letters and digits, as no word of a language has them."""
    return (
        len(value) >= 2 * VALUE_CHARS_MIN
        and any(char.isdigit() for char in value)
        and any(char.isalpha() for char in value)
    )


def _changes_case(value: str) -> bool:
    """More often than words that are written together."""
    return 3 * sum(a.isupper() != b.isupper() for a, b in pairwise(value)) >= len(value)


def _is_mixed(value: str) -> bool:
    """A prefix, then letters of both cases in no order: Hugging Face's tokens have no digit.

    In the name of a class few letters are capitals.
    """
    letters = value.partition("_")[2]
    capitals = sum(char.isupper() for char in letters)
    scarcer = min(capitals, len(letters) - capitals)
    return letters.isalpha() and len(letters) >= _MIXED_CHARS_MIN and 6 * scarcer >= len(letters)
