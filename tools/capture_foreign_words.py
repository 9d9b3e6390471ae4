"""Makes fnr/policy/foreign_*.py: `python tools/capture_foreign_words.py`.

Asks the C library and the shell of this machine, once in each language, what they say of errors
that mean something for work on a host. Debian has the languages in libc-l10n and bash.
"""

from __future__ import annotations

import ctypes
import errno
import json
import locale
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from shutil import which
from unicodedata import east_asian_width

POLICY = Path(__file__).parents[1] / "fnr" / "policy"
LANGUAGES = (
    "de", "fr", "es", "it", "pt", "pt_BR", "ru", "uk", "pl", "cs", "hu", "ro", "nl", "sv",
    "da", "nb", "fi", "tr", "el", "ja", "zh_CN", "zh_TW", "ko", "vi", "id", "ca",
)  # fmt: skip
ERRNOS = {
    "host": (
        "ENOSPC", "EDQUOT", "ENOMEM", "EMFILE", "ENFILE", "EAGAIN", "ENOENT", "EACCES",
        "EPERM", "EROFS", "ENOTDIR", "EISDIR", "EIO", "ESTALE", "EBUSY", "ETXTBSY", "EEXIST",
        "ENOEXEC", "EFBIG", "ENODEV", "ENXIO", "ENOTEMPTY", "ELOOP", "ENAMETOOLONG", "EINVAL",
        "E2BIG", "EXDEV", "EBADF", "ENOSYS", "ENOLCK",
    ),
    "wire": (
        "ECONNREFUSED", "ECONNRESET", "ECONNABORTED", "ETIMEDOUT", "EPIPE", "EHOSTUNREACH",
        "EHOSTDOWN", "ENETUNREACH", "ENETDOWN", "ENOTCONN", "EADDRINUSE", "EADDRNOTAVAIL",
        "ENOBUFS", "EOPNOTSUPP", "EDEADLK",
    ),
}  # fmt: skip
COLUMNS = 86
DOTTED = "\u0130"  # a capital i, which Python's lower() makes two characters of
SIGNALS = ("SIGKILL", "SIGSEGV", "SIGBUS", "SIGILL", "SIGFPE")
RESOLVER_ERRORS = (-2, -3, -4, -5)
MISSING = "nosuchthing"
NAMES = {
    "host": "What is wrong on the host",
    "wire": "What is wrong with the way to others",
}


def main() -> int:
    """Ask in each language, and write both files."""
    if sys.argv[1:] == ["--say"]:
        print(json.dumps(said()))
        return 0
    english = _asked("en")
    foreign: dict[str, dict[str, None]] = {key: {} for key in english}
    for language in LANGUAGES:
        for key, words in _asked(language).items():
            if words and words != english[key]:
                foreign[key][words.replace(DOTTED, "i").lower()] = None
    for part in ERRNOS:
        known = {english[key]: list(foreign[key]) for key in english if key.startswith(part)}
        _write(part, known)
    return 0


def said() -> dict[str, str]:
    """What this process, in its language, is told: by key, which begins with the part."""
    locale.setlocale(locale.LC_ALL, "C.UTF-8")
    library = ctypes.CDLL(None)
    words: dict[str, str] = {}
    for name in ("strerror", "strsignal", "gai_strerror"):
        getattr(library, name).restype = ctypes.c_char_p
    for part, names in ERRNOS.items():
        for name in names:
            words[f"{part} {name}"] = library.strerror(getattr(errno, name)).decode()
    for name in SIGNALS:
        words[f"host {name}"] = library.strsignal(int(getattr(signal, name))).decode()
    for number in RESOLVER_ERRORS:
        words[f"wire {number}"] = library.gai_strerror(number).decode()
    try:
        ctypes.CDLL(f"{MISSING}.so")
    except OSError as error:
        words["host loader"] = str(error).split(": ")[1]
    bash = which("bash")
    assert bash is not None
    shell = subprocess.run([bash, "-c", MISSING], capture_output=True, text=True, check=False)
    words["host shell"] = shell.stderr.partition(MISSING)[2].strip(" :\u00a0.\n")
    return words


def _asked(language: str) -> dict[str, str]:
    asked = subprocess.run(
        [sys.executable, __file__, "--say"],
        env={**os.environ, "LC_ALL": "C.UTF-8", "LANGUAGE": language},
        capture_output=True,
        text=True,
        check=True,
    )
    words: dict[str, str] = json.loads(asked.stdout)
    return words


def _write(part: str, known: Mapping[str, list[str]]) -> None:
    lines = [
        f'"""{NAMES[part]}, as the C library and the shell say it in other languages.',
        "",
        "In lower case, by what they say in English. Made by tools/capture_foreign_words.py.",
        '"""',
        "",
        "WORDS = {",
    ]
    for english, foreign in known.items():
        lines += [f"    {json.dumps(english)}: ("]
        lines += [f"        {json.dumps(row, ensure_ascii=False)}" for row in _rows(foreign)]
        lines += ["    ),"]
    path = POLICY / f"foreign_{part}_words.py"
    path.write_text("\n".join([*lines, "}", ""]))


def _rows(words: list[str]) -> list[str]:
    """Cut where a line is full; a character of the far east is two columns wide."""
    rows, columns = [""], 0
    for sign in "|".join(words):
        columns += 2 if east_asian_width(sign) in "WF" else 1
        if columns > COLUMNS:
            rows, columns = [*rows, ""], 0
        rows[-1] += sign
    return rows


if __name__ == "__main__":
    sys.exit(main())
