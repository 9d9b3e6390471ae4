"""Replace what differs between two errors of one cause: ids, paths, addresses, sizes, times.

What names a cause stays: words, status codes, signals, Xids, CUDA names, and quoted names of code
(a module, an attribute); quoted data goes. The same text always gives the same answer.
"""

from __future__ import annotations

import re
from functools import lru_cache

import re2

from fnr.policy.random_words import WORD_CHARS_MIN, changes_kind, is_random

LINE_CHARS_MAX = 200
# Of a longer line so much is read: what varies in it has a length of its own, and cut by that, one
# cause would end at another word each time. What comes of it is cut instead.
READ_CHARS_MAX = 4 * LINE_CHARS_MAX
# Of a line of LINE_CHARS_MAX all stays: "2 s" takes more room as "<time>".
SHAPE_CHARS_MAX = LINE_CHARS_MAX + 40
SHORT_ID_CHARS = 6
HEX_ID_CHARS = 7
UPPER_ID_CHARS = 16
ULID_CHARS = 26

_KNOWN_CODES = r"(?:ORA|TNS|PLS|SQL|TS|CS|LNK|MSB|NU|HY)-?\d{3,5}[A-Z]?"
_CODE_WORDS = (
    r"HTTP(?:/[\d.]{1,3}\"?)?|http[ _-]?(?:status|code|error)"
    r"|(?:http[ _-]?)?(?:status|error|response|exit|return|reason|result|err|ret)[ _-]?"
    r"(?:code|status)"
    r"|status|errno|SQLCODE|VkResult|alert[ ]number|sig(?:no|num)?"
    r"|error(?:[ ]level)?|exit(?:ed)?(?:[ ]with)?(?:[ ]non-zero)?(?:[ ](?:status|code|value))?"
    r"|cuda(?:error(?:_t)?|[ ]failure)|return(?:ed)?[ ]value|ret(?:val)?|err(?=[ =:])"
    r"|signal|xid|code|rc"
)
# Between such a word and its number, in messages and as programs print assignments.
_CODE_SIGNS = (
    r"[ :=#]|[:=][ ]|[ ]{1,2}:[ ]|[ ]\[|\[|:[ ]\(|[ ]\("
    r"|[ ]=[ ]|[ ]?[-=]>[ ]?|[ ](?:is|was|of)[ ]"
)
_DATA_FILES = (
    r"png|jpe?g|webp|gif|bmp|tiff?|exr|hdr|mp4|mkv|mov|avi|webm|wav|mp3|flac|ogg|json|jsonl|ya?ml"
    r"|toml|ini|cfg|conf|txt|csv|tsv|md|xml|html?|pdf|zip|tar|gz|xz|zst|7z|bin|dat|npy|npz|pkl|pt"
    r"|pth|ckpt|safetensors|gguf|onnx|engine|plan|h5|parquet|db|sqlite|log|tmp|lock|sock|pem|key|crt"
)
_CODE_FILES = r"py|pyc|js|mjs|cjs|ts|jsx|tsx|c|cc|cpp|cu|cuh|h|hpp|go|rs|java|kt|rb|sh|pl|lua|php"
_TOP_DOMAINS = r"com|net|org|io|ai|dev|app|cloud|internal|local|lan|svc|edu|gov|eu|de|uk|cn|co"

# What must be seen together with its neighbours; the rest is told word by word in `_word`. Plain
# words are stepped over in runs: without that every letter would try every alternative.
_VARYING = re.compile(
    rf"""
      (?P<plain> (?<![\w.@/\\:'"-])
                 (?:(?!(?i:http|status|error|response|exit(?:ed|code)?|return(?:ed)?|errno|signal
                          |sqlstate|xid|code|rc|ret(?:val)?|err|cuda(?:error(?:_t)?)?
                          |alert|failed|answered|replied|responded)(?![a-z]))
                    [A-Za-z_]{{1,{WORD_CHARS_MIN - 1}}}
                    (?:[.:]?[ ]|[ ,;)(!]{{1,3}})(?=[\s]|[A-Za-z]|$))+ )
    | (?<![\w.])(?=\d)(?:
          (?P<time> \d{{4}}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d{{1,9}})?)?)?
                    (?:Z|[+-]\d\d:?\d\d)?
                  | \d\d-\d\d(?=[ ]\d\d:)
                  | \d{{1,2}}:\d\d:\d\d(?:[.,]\d{{1,9}})?(?!:[0-9a-fA-F]{{2}}\b)
                  | \d{{1,4}}/\d{{1,2}}/\d{{1,4}}(?![/.-]\w)
                  | \d+h\d+m(?:\d+(?:\.\d+)?s)?|\d+m\d+(?:\.\d+)?s
                  | \d+(?:\.\d+)?(?:e-\d+)?[ ]?
                    (?:ns|[uµ]s|ms|s|secs?|seconds?|mins?|minutes?|h|hours?|days?) )(?!\w)
        | (?P<size> \d+(?:\.\d+)?[ ]?(?:[KMGTkmgt]i?[Bb]|[Bb]ytes?|B) )(?!\w)
        | (?P<phrase> [45]\d\d )(?=[ ][A-Z][a-z])
        | (?P<address> \d{{1,3}}(?:\.\d{{1,3}}){{3}}(?::\d+|/\d+)?
                     | \d\d(?::\d\d){{5}} )(?![\w.:-])
        | (?P<number> (?!0[xX][0-9a-fA-F]{{2}})\d+(?:[.,:x×]\d+)*(?:[eE][-+]?\d+)?%? )(?![\w/:.-]) )
    | (?P<zone> (?<![\w.:])[0-9a-fA-F]{{1,4}}(?::[0-9a-fA-F]{{0,4}}){{2,7}}%[\w.-]*\w )
    | (?P<field> (?<![\w'])\\?["'](?i:{_CODE_WORDS})\\?["'][ ]?:[ ]?["']?
                 -?\d{{1,5}}(?![\w%-]|\.\d)["']? )
    | (?P<bytes> \bb'[^'\n]{{0,200}}'(?!\w) | \bb"[^"\n]{{0,200}}" )
    | (?P<quoted> (?<![\w'])'[^'\n]{{0,200}}'(?!\w) | "[^"\n]{{0,200}}" )
    | Xid[ ]\([^()]{{1,40}}\):[ ](?P<xid> \d{{1,3}} )
    | (?P<keep> (?=[A-Za-z])\b(?:
                (?i:{_CODE_WORDS})(?:{_CODE_SIGNS})-?\d{{1,5}}(?![\w%-]|\.\d)
              | (?i:{_CODE_WORDS})[ ]?=[ ]?(?:"-?\d{{1,5}}"|'-?\d{{1,5}}')
              | (?i:answered|replied|responded|failed)(?:[ ]with)?[ ][45]\d\d
                (?=[ ](?:from|for|on|at|to|[A-Z(])|[.,;:)]|$)
              | (?i:response)(?:[ ]\[|:[ ])[45]\d\d(?![\w%-]|\.\d)
              | code[ ]E[45]\d\d\b
              | (?i:returned)[ ]-?\d{{1,3}}(?=[.,;:)]|[ ](?:exit|\()|$)
              | (?i:sqlstate)\W{{1,3}}[0-9A-Z]{{5}}\b
              | {_KNOWN_CODES}\b )
              | \[E\d{{4}}\](?=:)
              | \(\d{{3,5}}(?=,[ ]?['"]) )
    | (?P<word> [A-Za-z][\w+.-]{{1,20}}://[^\s'"<>)\]]+ | [\w/\\~.@:+-]*[\w/%] )
    """,
    re.VERBOSE,
)  # fmt: skip

# Times with names in them, as HTTP, C and syslog write them; more than one word each.
_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]{0,6}"
_CLOCK = (
    r"(?:,?[ ]\d{1,2}:\d\d(?::\d\d(?:[.,]\d{1,9})?)?(?:[ ][AP]M)?"
    r"(?:[ ](?:UTC|GMT|MSK|BST|[IJK]ST|[CEW]ES?T|AE[SD]T|[AECMP][SD]T|[+-]\d{4}))?)"
)
_DATED = re.compile(
    r"\b(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]{0,6},?[ ])?"
    rf"(?:\d{{1,2}}[ -]{_MONTH}[ -]\d{{4}}{_CLOCK}?"
    rf"|{_MONTH}[ ]{{1,2}}\d{{1,2}}"
    rf"(?:{_CLOCK}(?:[ ]\d{{4}})?(?:[ ]GMT)?|,?[ ]\d{{4}}{_CLOCK}?))(?!\w)"
)
_MAY_BE_DATED = re2.compile(
    rb"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*[ -]{1,2}[0-9]"
)

_PLACEHOLDERS = {
    "time": "<time>",
    "size": "<size>",
    "address": "<addr>",
    "zone": "<addr>",
    "bytes": "<str>",
    "number": "#",
}

# ── words by themselves ──────────────────────────────────────────────────────

_MARKED = re.compile(r"[\d/\\.@:]")
_URL = re.compile(r"[A-Za-z][\w+.-]{1,20}://|arn:aws")
_PATH = re.compile(r"[A-Za-z]:\\|(?:~|\.{1,2})?/|[\w.-]+(?:/[\w.@-]+){2}")
_CODE_FILE = re.compile(
    rf"(?:^|[/\\])([\w-]{{1,100}}\.(?:{_CODE_FILES}|so)(?:\.\d+)*)(?::\d+)*$", re.IGNORECASE
)
_DATA_FILE = re.compile(rf"\.(?:{_DATA_FILES})$", re.IGNORECASE)
_ID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|0[xX][0-9a-fA-F]+")
_ADDRESS = re.compile(
    r"\d{1,3}(?:\.\d{1,3}){3}(?::\d+|/\d+)?"
    r"|(?=[0-9a-fA-F:]{0,40}\d)[0-9a-fA-F]{0,4}(?::[0-9a-fA-F]{0,4}){2,7}"
    r"|[\w.+-]{1,64}@[\w-]+(?:\.[\w-]+)+"
    rf"|(?=[\w.-]*[a-z])[\w-]+(?:\.[\w-]+)*\.(?:{_TOP_DOMAINS})(?::\d+)?"
    r"|[A-Za-z][\w.-]{0,253}:\d{2,5}|:\d{2,5}"
)
_NUMBER = re.compile(r"[-+]?\d+(?:[.,:x×]\d+)*(?:[eE][-+]?\d+)?%?")
# Of a PCI device: "0000:3b:00.0".
_BUS = re.compile(r"(?:[0-9a-fA-F]{4,8}:)?[0-9a-fA-F]{2}:[0-9a-fA-F]{2}\.[0-7]")
_UUID = re.compile(
    r"(?<![0-9a-zA-Z])[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}(?![0-9a-zA-Z])"
)
_BASE64 = re.compile(r"[A-Za-z0-9+][A-Za-z0-9+/]{23,}")
_LONG = re.compile(rf"[\w-]{{{WORD_CHARS_MIN},}}")
# What Kubernetes puts behind a pod's name: no vowels, and no digit that looks like a letter.
_OF_POD = "bcdfghjklmnpqrstvwxz2456789"
_POD = re.compile(
    rf"(?<=[a-z0-9])(?:-[{_OF_POD}]{{6,10}}-(?=[{_OF_POD}])"
    rf"|-(?=\d*[a-z])(?![a-z]{{1,2}}\d+(?!\w)|\w{{0,2}}(?:http|sql|html)))[{_OF_POD}]{{5}}(?![\w.-])"
)
_STATUS = re.compile(r"[45]\d\d [A-Z][a-z]")
_DIGITS = re.compile(r"\d+")
_WITH_DIGITS = re.compile(r"\w*\d\w*")
_HEX = re.compile(r"[0-9a-f]+|[0-9A-F]+")
# Of a word with _ in it, what is one: "task_1a2b3c4d".
_HEX_PART = re.compile(
    r"(?<![0-9a-zA-Z])(?=[a-fA-F]*\d)(?=\d*[a-fA-F])(?:[0-9a-f]{8,}|[0-9A-F]{8,})(?![0-9a-zA-Z])"
)
# Base64 whose padding fits: what it leaves of the last byte is zero.
_PADDED = re.compile(
    r"(?<![\w+/])(?=[a-z\d+/]*[A-Z])(?=[A-Z\d+/]*[a-z])(?:"
    r"(?:[A-Za-z0-9+/]{4}){5,}[A-Za-z0-9+/][AQgw]=="
    r"|(?=[A-Za-z+/]*\d)(?:[A-Za-z0-9+/]{4}){5,}[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=)(?![\w+/=])"
)
_NAME = re.compile(r"<?[A-Za-z_][\w.:-]{0,80}>?")
_REPEATED = re.compile(r"(#|<\w+>)(?:[\s,;x×*]+\1)+")
# Colours and titles that a program writes to a terminal: CSI and OSC sequences.
_TERMINAL = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|.)")
_SPACES = re.compile(r"[\s\x00-\x1f]+")

# What stands before or behind a quoted name of code, and never of data.
_NAMES_BEFORE = re.compile(
    r"(?:module|package|library|attribute|argument|arguments|keyword|parameter|option|field|column"
    r"|relation|table|index|type|class|method|function|symbol|operator|node|command|service|backend"
    r"|device|dtype|name|key|keyerror:|import|named|called|binary|executable|program|plugin|layer"
    r"|properties of (?:null|undefined) \((?:reading|setting))[\s:=(]{0,3}$",
    re.IGNORECASE,
)
# Of the coreutils, as all of "cp: cannot stat 'a.png': No such file or directory".
_FILE_BEFORE = re.compile(
    r"^[a-z][\w-]{0,20}: (?:cannot|failed to) (?:access|stat|open|create|remove|move|touch|read"
    r"|write|overwrite|copy|change)(?: [a-z]+){0,5} $"
)
_NAMES_BEHIND = re.compile(
    r"\s(?:object|module|attribute|argument|parameter|is not defined|has no|must be|is required"
    r"|is not installed|not supported|not implemented|and '|command)"
)
# Of Python's enum, ipaddress, list and pathlib.
_DATA_BEHIND = re.compile(r"\s(?:is not a valid |does not appear to |is not in (?:list|the sub))")
_TOLD_BEFORE = re.compile(
    r"""["']?(?:message|msg|error|detail|details|reason|code|type|status|title|description)["']?\s*"""
    r"[:=]\s*$|(?:Error|Exception|Warning|Interrupt)\($|\(-?\d{1,5},\s*$",
    re.IGNORECASE,
)


@lru_cache(maxsize=2_048)
def parameterise(line: str) -> str:
    """A line of an error with all that varies replaced; the beginning of it where it is long."""
    if "\x1b" in line:
        line = _TERMINAL.sub("", line[:READ_CHARS_MAX])
    if _MAY_BE_DATED.search(line[:READ_CHARS_MAX].encode(errors="replace")):
        line = _DATED.sub("<time>", line[:READ_CHARS_MAX])
    if " sub-exception)" in line:  # of ExceptionGroup, which counts them
        line = line.replace(" sub-exception)", " sub-exceptions)")
    if "=" in line:
        line = _PADDED.sub("<id>", line[:READ_CHARS_MAX])
    if len(line) <= LINE_CHARS_MAX:
        return _tidy(_VARYING.sub(_replaced, line))
    shape = _tidy(_VARYING.sub(_replaced, _whole_words(line)))
    return shape[:SHAPE_CHARS_MAX].rstrip()


def without_kinds(shape: str) -> str:
    """The shape with one sign for all: of ids in hexadecimal some have digits alone."""
    return _tidy(shape.replace("<id>", "#"))


def _whole_words(line: str) -> str:
    read = line[:READ_CHARS_MAX]
    return read.rpartition(" ")[0] or read if len(line) > len(read) else read


def _tidy(text: str) -> str:
    return _REPEATED.sub(r"\1", _SPACES.sub(" ", text)).strip()


def _replaced(match: re.Match[str]) -> str:
    kind = match.lastgroup
    if kind in {"plain", "field", "keep", "phrase"}:
        return match[0]
    if kind == "word":
        return _word(match[0])
    if kind == "quoted":
        return _quoted(match)
    if kind == "xid":
        return f"Xid {match['xid']}"
    assert kind is not None, match
    return _PLACEHOLDERS[kind]


def _word(word: str) -> str:
    """What stands between two spaces or brackets: a name, or the place or number of something."""
    if word.isalpha() or not _MARKED.search(word):
        return _without_ids(word)
    if _URL.match(word):
        return "<url>"
    if _ID.fullmatch(word) or (_BASE64.fullmatch(word) and changes_kind(word)):
        return "<id>"
    if code := _CODE_FILE.search(word):
        return word_shape(code[1])
    if _DATA_FILE.search(word) or _PATH.match(word):
        return "<path>"
    if _ADDRESS.fullmatch(word):
        return "<addr>"
    if _NUMBER.fullmatch(word) or _BUS.fullmatch(word):
        return "#"
    return _WITH_DIGITS.sub(lambda found: word_shape(found[0]), _without_ids(word))


def _without_ids(word: str) -> str:
    """Ids that are a part of a word, or have no digit that would show them."""
    word = _POD.sub("-<id>", _UUID.sub("<id>", word))
    return _LONG.sub(lambda found: "<id>" if is_random(found[0]) else found[0], word)


def _quoted(match: re.Match[str]) -> str:
    """A quoted name of code and a quoted message stay; any other quoted text is data."""
    quote, inner = match[0][0], match[0][1:-1]
    before = match.string[max(0, match.start() - 40) : match.start()]
    behind = match.string[match.end() : match.end() + 20]
    if _DATA_BEHIND.match(behind):
        return "<str>"
    if _NAME.fullmatch(inner):
        is_key = behind.lstrip().startswith(":") and not _FILE_BEFORE.search(before)
        if is_key or not before or _NAMES_BEFORE.search(before) or _NAMES_BEHIND.match(behind):
            shape = "<id>" if is_random(inner) else word_shape(inner)
            return "<str>" if shape == "<id>" else f"{quote}{shape}{quote}"
    if _TOLD_BEFORE.search(before) or _STATUS.match(inner):
        shape = _VARYING.sub(_replaced, inner)
        return "<str>" if shape == "<id>" else f"{quote}{shape}{quote}"
    return "<str>"


def word_shape(word: str) -> str:
    """A word with its numbers taken out, "float#"; "<id>" where that leaves nothing of a name."""
    groups = _DIGITS.findall(word)
    if not groups:
        return word
    if is_random(word):
        return "<id>"
    if "_" in word and _HEX_PART.search(word):
        return _DIGITS.sub("#", _HEX_PART.sub("<id>", word))
    if len(word) == ULID_CHARS and word.isalnum() and word.isupper():
        return "<id>"
    if len(word) >= UPPER_ID_CHARS and len(groups) >= 2 and word.isalnum() and word.isupper():
        return "<id>"
    if len(word) >= HEX_ID_CHARS and _HEX.fullmatch(word) and not word.isdecimal():
        return "<id>"
    if len(word) >= SHORT_ID_CHARS and "." not in word and (len(groups) >= 3 or _is_mixed(word)):
        return "<id>"
    return _DIGITS.sub("#", word)


def _is_mixed(word: str) -> bool:
    """Digits between letters of both cases, as in what a random generator makes."""
    lower, upper = word.lower() != word, word.upper() != word
    return lower and upper and len(word) > SHORT_ID_CHARS + 2 and "_" not in word
