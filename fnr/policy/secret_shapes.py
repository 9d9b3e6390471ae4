"""What secrets look like: a provider's tokens, a password in a URL, the value of a telling name.

RE2 finds them, so that the time needed grows with the text and no faster, whatever it contains.
"""

from __future__ import annotations

import re
from functools import lru_cache

import re2

BLANK = b"[redacted]"
# In a URL: brackets would end it for whatever reads the text later, fingerprints before all.
BLANK_IN_URL = b"***"
_URL_CHARS_MAX = 2_000
_URL_ENDS = re.compile(rb"[\s'\"<>]")
VALUE_CHARS_MIN = 4

_PASSWORD = "password|passwd|passphrase"  # noqa: S105 - names, and no password
NAMES = (
    rf"{_PASSWORD}|secret|secret[_-]?key|token|api[_-]?key|access[_-]?key(?:[_-]?id)?|private[_-]?key"
    r"|account[_-]?key|auth[_-]?key|signature|credential"
)
_TOKENS = (
    r"hf_[A-Za-z0-9]+",
    r"gh[pousr]_[A-Za-z0-9]+",
    r"github_pat_\w+",
    r"gl(?:pat|dt|rt|ptt|cbt)-[\w-]+",
    r"sk-[\w-]+",
    r"[spr]k_(?:live|test)_[A-Za-z0-9]+",
    r"xox[abeprs]-[\w-]+",
    r"(?:AKIA|ASIA)[0-9A-Z]+",
    r"AIza[\w-]+",
    r"ya29\.[\w-]+",
    r"npm_[A-Za-z0-9]+",
    r"pypi-[\w-]+",
    r"dckr_pat_[\w-]+",
    r"nvapi-[\w-]+",
    r"r8_[A-Za-z0-9]+",
    r"gsk_[A-Za-z0-9]+",
    r"(?:xai|pplx)-[A-Za-z0-9]+",
    r"xapp-[\w-]+",
    r"dop_v1_[0-9a-f]+",
    r"hvs\.[\w-]+",
    r"SG\.[\w-]+\.[\w-]+",
    r"eyJ[\w-]+\.[\w-]+\.[\w-]+",
)
_VALUE = r"(?:\\?[\"'](?P<s4>[^\"'\\\n]+)|(?P<s5>[^\s'\",;&)}\]\\]+))"
# No line end: what a log says is looked at by the line, and skipped by the piece.
_GAP = r"[ \t]"
# Of a key that has a password, and of PGP's: lines above the key itself.
_KEY_HEADERS = r"(?:(?:\\[rn]|\s)*(?:Proc-Type|DEK-Info|Version|Comment|Hash|Charset):[^\r\n\\]*)*"
_KEY_LINES = r"(?:[A-Za-z0-9+/=]+(?:\\[rn]|[\r\n])+)+"
_KEY_NAME = r"[A-Z ]*PRIVATE KEY(?: BLOCK)?-----"
# Each: what stays before the secret, whose name says what must be true of the secret; the secret,
# whose characters RE2 could not count without a state for each; what stays behind it.
_PLAIN = (
    rf"(?P<key>-----BEGIN {_KEY_NAME})(?P<s1>{_KEY_HEADERS}[^-]+)",
    # The end of one whose beginning was cut off, as that of a long output is.
    rf"(?P<rest>)(?P<s9>{_KEY_LINES})-----END {_KEY_NAME}",
    # A token may be the user, and has a password that says nothing.
    rf"(?P<user>\b[A-Za-z][A-Za-z0-9+.-]+://)(?P<s10>(?:{'|'.join(_TOKENS)}):[^\s/'\"<>]+)@",
    r"(?P<url>\b[A-Za-z][A-Za-z0-9+.-]+://[^\s/@:'\"<>]*:)(?P<s2>[^\s/'\"<>]+)@",
    r"(?P<lone>\bhttps?://)(?P<s3>[^\s/@:'\"<>]+)@",
    r"(?P<hook>\b(?:hooks\.slack\.com/services|discord(?:app)?\.com/api/webhooks))/(?P<s4>[\w/-]+)",
    r"(?P<bot>/bot\d+:)(?P<s5>[\w-]+)",
    rf"(?P<login>(?i:authorization[\"']?{_GAP}*[:=]{_GAP}*[\"']?(?:bearer|basic|token){_GAP}))(?P<s6>[^\s'\",;]+)",
    rf"(?P<scheme>(?i:authorization[\"']?{_GAP}*[:=]{_GAP}*[\"']?)(?:[A-Za-z][\w-]*{_GAP}+)?)(?P<s11>[^\s'\",;]+)",
    rf"(?P<bearer>\b(?i:bearer){_GAP}+)(?P<s7>[\w.~+/=-]+)",
    rf"(?P<token>\b)(?P<s8>{'|'.join(_TOKENS)})",
)
_NAMED = (
    r"(?P<query>[?&;](?i:sig|key|auth|code|pwd|jwt|x-amz-credential)=)(?P<s1>[^\s&'\"<>#;]+)",
    rf"(?P<cookie>\b(?i:cookie)[\"']?:{_GAP}*[\"']?[\w.-]+=)(?P<s2>[^\s;,'\"]+)",
    rf"(?P<flag>--(?i:{NAMES}){_GAP}+[\"']?)(?P<s3>[^\s'\"-][^\s'\"]*)",
    rf"(?P<named>(?P<name>(?i:{NAMES}))(?P<quote>\\?[\"'])?(?P<sign>{_GAP}*(?:=>|:=|=|:){_GAP}*)){_VALUE}",
)
_CHARS_MIN = {"lone": 16, "hook": 8, "bot": 30, "bearer": 16, "query": 8, "cookie": 8, "rest": 16}
_TOKEN_CHARS_MIN = 20
_MIXED_CHARS_MIN = 30
_KINDS = ("key", "user", "url", "login", *_CHARS_MIN, "scheme", "flag", "named", "token")
_SECRETS = frozenset(f"s{number}" for number in range(1, 12))
_INNOCENT = frozenset({"none", "null", "true", "false", "nil", "undefined", "empty", "string"})


class Shapes:
    """RE2 finds where one is; Python's engine, on no more than that, says which parts it has."""

    def __init__(self, shapes: tuple[str, ...]) -> None:
        pattern = "|".join(shapes).encode()
        options = re2.Options()
        options.log_errors = False
        options.never_capture = True
        # Every expression is ASCII: a byte is then one state, and invalid text is read as well.
        options.encoding = re2.Options.Encoding.LATIN1
        self._finder = re2.compile(pattern, options)
        self._parts = re.compile(pattern)

    def hidden(self, data: bytes) -> bytes:
        """The text without the secrets of these shapes."""
        pieces: list[bytes] = []
        end = 0
        for found in self._finder.finditer(data):
            start, until = self._secret(data, *found.span())
            if start < until:
                pieces += [data[end:start], _blank(data, start)]
                end = until
        return b"".join([*pieces, data[end:]]) if pieces else data

    def _secret(self, data: bytes, start: int, end: int) -> tuple[int, int]:
        """Where in a match the secret is; nowhere if what is there is none."""
        found = self._parts.fullmatch(data, start, end)
        if found is None:  # engines that do not agree must not let a secret through
            return start, end
        groups = {name: value for name, value in found.groupdict().items() if value is not None}
        name = next(name for name in groups if name in _SECRETS)
        words = {group: value.decode("latin-1") for group, value in groups.items()}
        return found.span(name) if _is_secret(words, words[name]) else (start, start)


def _blank(data: bytes, start: int) -> bytes:
    """What stands for a secret that begins there."""
    url = data.rfind(b"://", max(0, start - _URL_CHARS_MAX), start)
    return BLANK if url < 0 or _URL_ENDS.search(data, url, start) else BLANK_IN_URL


@lru_cache(maxsize=1)
def all_shapes() -> tuple[Shapes, Shapes]:
    """Those that stand for themselves, then those that a name makes one."""
    # One after the other: a word that looks like a name must not keep what follows from a look.
    return Shapes(_PLAIN), Shapes(_NAMED)


def _is_secret(groups: dict[str, str], secret: str) -> bool:
    """Shapes that words of an error may have as well are secret if what is there looks so."""
    kind = next(name for name in _KINDS if name in groups)
    if kind == "named":
        return _is_value(groups, secret)
    if kind == "flag":
        return len(secret) >= VALUE_CHARS_MIN and not (secret.isalpha() and secret.islower())
    if kind == "token":
        return len(secret) >= _TOKEN_CHARS_MIN and (
            secret.isupper() or _is_random(secret) or _is_mixed(secret)
        )
    if kind in {"bearer", "scheme"} and not (_is_random(secret) or _is_mixed(secret)):
        return False
    return len(secret) >= _CHARS_MIN.get(kind, 1)


def _is_value(groups: dict[str, str], value: str) -> bool:
    """Of `name = value`: the words `token: unexpected` and `password: YES` are no secrets."""
    name, assigned = groups["name"], "=" in groups["sign"]
    if len(value) < VALUE_CHARS_MIN or value.lower() in _INNOCENT or value[0] in "[<{$%*(.":
        return False
    # A line of code in a traceback: `password=get_password(user)`, `token=self.token`.
    if "(" in value or re.fullmatch(rf"(?:.*[._])?{re.escape(name)}", value, re.IGNORECASE):
        return False
    if _is_random(value):
        return True
    if re.fullmatch(_PASSWORD, name, re.IGNORECASE):
        return assigned or "quote" in groups
    return assigned and name.isupper() and len(value) >= 2 * VALUE_CHARS_MIN


def _is_random(value: str) -> bool:
    """Letters and digits, as no word of a language has them."""
    return (
        len(value) >= 2 * VALUE_CHARS_MIN
        and any(char.isdigit() for char in value)
        and any(char.isalpha() for char in value)
    )


def _is_mixed(value: str) -> bool:
    """A prefix, then letters of both cases in no order: Hugging Face's tokens have no digit.

    In the name of a class few letters are capitals.
    """
    letters = value.partition("_")[2]
    capitals = sum(char.isupper() for char in letters)
    scarcer = min(capitals, len(letters) - capitals)
    return letters.isalpha() and len(letters) >= _MIXED_CHARS_MIN and 6 * scarcer >= len(letters)
