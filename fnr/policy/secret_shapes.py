"""What secrets look like: a provider's tokens, a password in a URL, the value of a telling name.

RE2 finds them, so that the time needed grows with the text and no faster, whatever it contains.
For that no shape may begin at many places of a text and go on far without being one: whatever is
found first, it would be gone through again from there.
"""

from __future__ import annotations

import re
from functools import lru_cache

import re2

from fnr.policy.secret_arguments import PROGRAM
from fnr.policy.secret_keys import BLANK
from fnr.policy.secret_looks import LOGIN_NAMES, NAMES, PLURALS, Found, is_secret

# In a URL: brackets would end it for whatever reads the text later, fingerprints before all.
BLANK_IN_URL = b"***"
_URL_CHARS_MAX = 2_000
_URL_ENDS = re.compile(rb"[\s'\"<>]")
_BEFORE_BYTES = 200
_BEHIND_BYTES = 40

_TOKENS = (
    r"hf_[A-Za-z0-9]+",
    r"api_org_[A-Za-z0-9]+",
    r"gh[pousr]_[A-Za-z0-9]+",
    r"github_pat_\w+",
    r"gl(?:pat|dt|rt|ptt|cbt|soat|ft|imt|agent|oas|ffct)-[\w-]+",
    r"GR1348941[\w-]+",
    r"sk-[\w-]+",
    r"sk_[0-9a-f]+",
    r"[spr]k_(?:live|test)_[A-Za-z0-9]+",
    r"whsec_[\w+/=-]+",
    r"xox[abcdeprs][.-][\w.%-]+",
    r"(?:AKIA|ASIA)[0-9A-Z]+",
    r"AIza[\w-]+",
    r"ya29\.[\w-]+",
    r"GOCSPX-[\w-]+",
    r"1//0[\w-]+",
    r"npm_[A-Za-z0-9]+",
    r"pypi-[\w-]+",
    r"rubygems_[0-9a-f]+",
    r"dckr_(?:pat|oat)_[\w-]+",
    r"nvapi-[\w-]+",
    r"r8_[A-Za-z0-9]+",
    r"gsk_[A-Za-z0-9]+",
    r"(?:xai|pplx)-[A-Za-z0-9]+",
    r"tgp_v1_[\w-]+",
    r"rpa_[A-Z0-9][A-Za-z0-9]+",
    r"lsv2_(?:pt|sk)_[0-9a-f]+_[0-9a-f]+",
    r"dapi[0-9a-f]+",
    r"xapp-[\w-]+",
    r"do[opr]_v1_[0-9a-f]+",
    r"hv[bs]\.[\w-]+",
    r"shp(?:at|ca|pa|ss)_[0-9a-fA-F]+",
    r"lin_api_[A-Za-z0-9]+",
    r"ntn_[A-Za-z0-9]+",
    r"figd_[\w-]+",
    r"gl(?:sa|c)_[\w+/=]+",
    r"ATATT3[\w=-]+",
    r"PMAK-[0-9a-f]+-[0-9a-f]+",
    r"tskey-[a-z]+-[\w-]+",
    r"sntry[su]_[\w+/=-]+",
    r"AGE-SECRET-KEY-1[0-9A-Z]+",
    r"comfyui-[0-9a-f]+",
)
# Their first part may go on for long, and hold others: looked for after those.
_DOTTED = (
    r"eyJ[\w-]+\.[\w-]*\.[\w-]+(?:\.[\w-]+\.[\w-]+)?",
    r"SG\.[\w-]+\.[\w-]+",
)
_VALUE = r"(?:b?\\?[\"'](?P<s4>[^\"'\\\n]+)|(?P<s5>[^\s'\",;&)}\]\\]+))"
# No line end: what a log says is looked at by the line, and skipped by the piece.
_GAP = r"[ \t]"
# Behind a name, as HTTP, a dict, a list of pairs and what JSON has within JSON write it.
_SIGN = rf"(?:\\?[\"']?{_GAP}*[:=]|\\?[\"'],){_GAP}*b?\\?[\"']?"
# Of a scheme one character tells as much as all. JSON may write a slash as two characters.
_URL = r"[A-Za-z0-9]:\\?/\\?/"
# Of a key that has a password, and of PGP's: lines above the key itself.
_KEY_HEADERS = r"(?:(?:\\[rn]|\s)*(?:Proc-Type|DEK-Info|Version|Comment|Hash|Charset):[^\r\n\\]*)*"
_HOOKS = (
    r"hooks\.slack\.com/(?:services|workflows|triggers)"
    r"|discord(?:app)?\.com/api/(?:v\d+/)?webhooks|webhook\.office\.com/webhookb2"
)
# Each: what stays before the secret, whose name says what must be true of the secret; the secret,
# whose characters RE2 could not count without a state for each; what stays behind it.
_PLAIN = (
    # One that is cut off; the others are hidden by then.
    rf"(?P<key>-----BEGIN [A-Z ]*PRIVATE KEY(?: BLOCK)?-----)(?P<s1>{_KEY_HEADERS}[^-]+)",
    # A token may be the user, and has a password that says nothing.
    rf"(?P<user>{_URL})(?P<s10>(?:{'|'.join((*_TOKENS, *_DOTTED))}):[^\s/'\"<>]+)@",
    rf"(?P<url>{_URL}[^\s/@:'\"<>]*:)(?P<s2>[^\s/'\"<>]+)@",
    r"(?P<lone>\bhttps?:\\?/\\?/)(?P<s3>[^\s/@:'\"<>]+)@",
    r"(?P<coded>(?i:%3a%2f%2f)[^\s/@:'\"<>&%]*(?i:%3a))(?P<s9>[^\s/@'\"<>&%]+)%40",
    r"(?P<thin>\bjdbc:oracle:\w+:[^\s/@:'\"]+/)(?P<s12>[^\s/@'\"]+)@",
    rf"(?P<hook>\b(?:{_HOOKS}))/(?P<s4>[\w/@-]+)",
    r"(?P<bot>/bot\d+:)(?P<s5>[\w-]+)",
    r"(?P<chat>\b\d+:)(?P<s13>AA[\w-]+)",
    rf"(?P<login>(?i:authorization{_SIGN}(?:bearer|basic|token){_GAP}))(?P<s6>[^\s'\",;]+)",
    rf"(?P<scheme>(?i:authorization{_SIGN})(?:[A-Za-z][\w-]*{_GAP}+)?)(?P<s11>[^\s'\",;]+)",
    rf"(?P<bearer>\b(?i:bearer){_GAP}+)(?P<s7>[\w.~+/=-]+)",
    rf"(?P<token>\b)(?P<s8>{'|'.join(_TOKENS)})",
)
_STORED = r"(?:tls|ca|client)[.-]key|client-key-data|\.docker(?:cfg|configjson)|ssh-privatekey"
# What no name says, and what is mostly none: by themselves, for what stands there may have a name.
_LOOSE = (
    r"(?P<openssl>[\s\"']-pass(?:in|out)?[\"',]*[ ]+[\"']?pass:)(?P<s1>[^\s\"',]+)",
    r"(?P<sshpass>\bsshpass[\"',]*[ ]+[\"']?-p[\"',]*[ ]*[\"']?)(?P<s2>[^\s\"',]+)",
    (
        r"(?P<curl>[\s\"'](?:-[uU]|--(?:proxy-)?user)(?:=|[\"'],)?[ ]*[\"']?[^\s:'\"]+:)"
        r"(?P<s4>[^\s'\"]+)"
    ),
    r"(?P<sas>\bsig=)(?P<s5>[\w%+/=-]+)",
    rf"(?P<stored>(?i:{_STORED})\\?[\"']?{_GAP}*:{_GAP}*\\?[\"']?)(?P<s6>[A-Za-z0-9+/=]+)",
    rf"(?P<auth>(?i:auth){_SIGN}|\bAUTH PLAIN )(?P<s7>[A-Za-z0-9+/=]+)",
    rf"(?P<weak>\b(?i:pass)\\?[\"']?{_GAP}*[:=]{_GAP}*b?\\?[\"']?)(?P<s8>[^\s'\",;&)}}\]\\]+)",
)
# In quotes or not; `'-p', 'db'` is a flag and a word of its own.
_ARGUMENT = r"(?:\"(?P<s{}>[^\"\s,][^\"\n]*)|'(?P<s{}>[^'\s,][^'\n]*)|(?P<s{}>[^\s\"',][^\s\"']*))"
_ARGUMENTS = (
    rf"(?P<joined>[\s\"']-p){_ARGUMENT.format(1, 2, 3)}",
    (
        rf"(?P<apart>[\s\"'](?P<argument>-[aAXwpP])(?:\\?[\"'],{_GAP}*|{_GAP}+)\\?)"
        rf"{_ARGUMENT.format(4, 5, 6)}"
    ),
    r"(?P<percent>[\s\"']-U[\"', ]*[^\s%'\"]+%)(?P<s7>[^\s'\"]+)",
)
# Not what a template has in the place of a secret.
_FIRST = r"[^\s'\",}\\\[<{$%*(]"
_BY = rf"(?:with{_GAP}+[`\"']?\w+[`\"']?{_GAP}+)?(?:by|as){_GAP}+(?:password{_GAP}+)?"
_NAMED = (
    r"(?P<query>[?&;](?i:sig|key|auth|code|pwd|jwt|x-amz-credential)=)(?P<s1>[^\s&'\"<>#;]+)",
    # All that a header has, or the last one would be left.
    (
        rf"(?P<cookie>\b(?i:cookie){_SIGN}[\w.-]+=)"
        rf"(?P<s2>[^\s;,'\"\\]+(?:;{_GAP}*[\w.-]+(?:=[^\s;,'\"\\]*)?)*)"
    ),
    # Also in a list of arguments. With one dash as Java's programs write flags.
    (
        rf"(?P<flag>(?:--[\w-]*(?i:{NAMES}|pass)"
        rf"|[\s\"']-[A-Za-z]*(?i:{LOGIN_NAMES}|(?:store|key)pass)))"
        rf"(?:{_GAP}+[\"']?(?P<s3>[^\s'\"-][^\s'\"]*)|\\?[\"'],{_GAP}*b?\\?(?:"
        r"\"(?P<s12>[^\"\\\n-](?:[^\"\\\n]|\\[^\"\n])*)|'(?P<s13>[^'\\\n-](?:[^'\\\n]|\\[^'\n])*)))"
    ),
    (
        rf"(?P<element><[\w:.-]*(?P<holder>(?i:{NAMES}))(?:{_GAP}[^<>\n]*)?>)"
        r"(?P<s10>[^<>\s][^<>\n]*)</"
    ),
    # As requests and httpx are given one, in a line of a traceback.
    (
        rf"(?P<pair>(?i:auth)\\?[\"']?{_GAP}*[:=]?{_GAP}*\({_GAP}*[\"'][^\"'\n]+[\"'],{_GAP}*[\"'])"
        r"(?P<s16>[^\"'\n]+)"
    ),
    # An item of a list of names and values, as XML, JSON and YAML write one.
    (
        rf"(?P<entry>\b(?i:key|name)\\?[\"']?\s*[:=]\s*\\?[\"']?[\w:.-]*(?P<holder2>(?i:{NAMES}))\\?[\"']?"
        rf"(?:[\s,]|\\n)+\\?[\"']?(?i:value)\\?[\"']?\s*[:=]\s*)"
        rf"(?:\\?\"(?P<s11>{_FIRST}[^\"\\\n]*)|'(?P<s14>{_FIRST}[^'\n]*)|(?P<s15>{_FIRST}[^\s'\",}}\\]*))"
    ),
    (
        rf"(?P<sql>(?i:\bidentified{_GAP}+{_BY}|\b(?:with|encrypted){_GAP}+password{_GAP}+)\\?[\"'])"
        r"(?P<s6>[^\"'\\\n]+)"
    ),
    r"(?P<netrc>\bmachine\s+\S+\s+login\s+\S+\s+password\s+)(?P<s7>\S+)",
    r"(?P<digest>\bresponse=\\?[\"']?)(?P<s8>[0-9a-fA-F]+)",
    rf"(?P<header>\b(?i:x-[\w-]*(?:{NAMES}))\\?[\"'],{_GAP}*b?\\?[\"'])(?P<s9>[^\"'\\\n]+)",
    (
        rf"(?P<named>(?P<name>(?i:{NAMES}|{PLURALS}))(?P<quote>\\?[\"'])?"
        rf"(?P<sign>{_GAP}*(?:=>|:=|=|:){_GAP}*)){_VALUE}"
    ),
)
_SECRETS = frozenset(f"s{number}" for number in range(1, 17))


class Shapes:
    """RE2 finds where one is; Python's engine, on no more than that, says which parts it has."""

    def __init__(self, shapes: tuple[str, ...], beside: str = "") -> None:
        """beside: what a text must have anywhere, for it to be looked at any closer."""
        pattern = "|".join(shapes).encode()
        options = re2.Options()
        options.log_errors = False
        options.never_capture = True
        # Every expression is ASCII: a byte is then one state, and invalid text is read as well.
        options.encoding = re2.Options.Encoding.LATIN1
        self._finder = re2.compile(pattern, options)
        self._parts = re.compile(pattern)
        self._beside = re2.compile(beside.encode(), options)

    def hidden(self, data: bytes) -> bytes:
        """The text without the secrets of these shapes."""
        if self._beside.search(data) is None:
            return data
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
        match = self._parts.fullmatch(data, start, end)
        if match is None:  # engines that do not agree must not let a secret through
            return start, end
        groups = match.groupdict()
        parts = {name: text.decode("latin-1") for name, text in groups.items() if text is not None}
        name = next(name for name in parts if name in _SECRETS)
        first, until = match.span(name)
        found = Found(
            parts=parts,
            value=parts[name],
            before=data[max(0, start - _BEFORE_BYTES) : start],
            behind=data[until : until + _BEHIND_BYTES],
        )
        return (first, until) if is_secret(found) else (start, start)


def _blank(data: bytes, start: int) -> bytes:
    """What stands for a secret that begins there."""
    url = data.rfind(b"://", max(0, start - _URL_CHARS_MAX), start)
    return BLANK if url < 0 or _URL_ENDS.search(data, url, start) else BLANK_IN_URL


@lru_cache(maxsize=1)
def all_shapes() -> tuple[Shapes, ...]:
    """Those that stand for themselves first, last those that a name makes one."""
    # One after the other: a word that looks like a name must not keep what follows from a look.
    dotted = rf"(?P<token>\b)(?P<s1>{'|'.join(_DOTTED)})"
    arguments = Shapes(_ARGUMENTS, beside=PROGRAM)
    return Shapes(_PLAIN), Shapes((dotted,)), arguments, Shapes(_LOOSE), Shapes(_NAMED)
