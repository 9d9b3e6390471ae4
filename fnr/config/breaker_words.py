"""What people write of breakers in fnr.toml: names of services, windows, health probes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import urlsplit

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
NAME_RULE = "1 to 64 of a-z, 0-9, _ and -, and begins with a letter or digit"
SERVICES_MAX = 20
_WINDOW = re.compile(r"([1-9][0-9]{0,3}) of ([1-9][0-9]{0,3})")
_WINDOW_MAX = 1_000
_ADDRESS = re.compile(r"(?P<host>\[[0-9a-fA-F:.]+\]|[\w.-]+):(?P<port>[0-9]{1,5})")
_PORT_MAX = 65_535
GET, TCP, COMMAND = "GET", "TCP", "COMMAND"
OFF = "off"


def service_names(value: object) -> tuple[str, ...]:
    """Names of services; ValueError says what is wrong with each."""
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError('must be a list of names: ["storage", "comfyui"]')
    wrong = [name for name in value if not NAME.fullmatch(name)]
    if wrong:
        raise ValueError(*(f"{name!r} is no name: one is {NAME_RULE}" for name in wrong))
    if len(value) > SERVICES_MAX:
        raise ValueError(f"{len(value)} services; at most {SERVICES_MAX}")
    return tuple(dict.fromkeys(value))


def service_name(value: object) -> str:
    """The name of one service."""
    if not isinstance(value, str) or not NAME.fullmatch(value):
        raise ValueError(f"must be the name of a service, in quotes: {NAME_RULE}")
    return value


def server_url(value: object) -> str:
    """Where a server is: a URL without a password, which would be stored with undo steps."""
    if not isinstance(value, str):
        raise ValueError('must be a URL in quotes: "http://127.0.0.1:8188"')
    if "@" in urlsplit(_checked_url(value)).netloc:
        raise ValueError("must have no user and password in it")
    return value


def base_url(value: object) -> str:
    """The same, and paths can be put behind it."""
    url = server_url(value)
    if "?" in url or "#" in url:
        raise ValueError("must end where its paths begin, without ? or #")
    return url


def server_address(value: object) -> str:
    """Where a server is: "host:port"."""
    if not isinstance(value, str) or not _is_address(value):
        raise ValueError(f'must be "host:port", got {value!r}')
    return value


def some_of(value: object) -> tuple[int, int]:
    """So many failures of so many calls: "6 of 10", or "off"."""
    if value == OFF:
        return (0, 0)
    found = _WINDOW.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError(f'must read "6 of 10" or "off", got {value!r}')
    failed, of = int(found[1]), int(found[2])
    if not failed <= of <= _WINDOW_MAX:
        raise ValueError(f"{failed} failures of {of} calls: at most as many as calls, of 1000")
    return (failed, of)


def show_some_of(window: tuple[int, int]) -> str:
    """A window as it is written."""
    failed, of = window
    return f"{failed} of {of}" if failed else OFF


def health_probe(value: object) -> tuple[str, ...]:
    """How health is asked for: a URL, "host:port", or a command as a list of its words."""
    if isinstance(value, list):
        if not value or not all(isinstance(word, str) and "\0" not in word for word in value):
            raise ValueError('a command is a list of its words: ["curl", "-fs", "http://…"]')
        return (COMMAND, *value)
    if not isinstance(value, str):
        raise ValueError('must be "http://…", "host:port" or a command as a list of words')
    if "://" in value:
        return (GET, _checked_url(value))
    if not _is_address(value):
        raise ValueError(f'{value!r} is neither "http://…" nor "host:port"')
    return (TCP, value)


def show_health_probe(probe: Sequence[str]) -> str | list[str]:
    """A probe as it is written."""
    if not probe:
        return ""
    kind, *words = probe
    return words if kind == COMMAND else words[0]


def _is_address(value: str) -> bool:
    found = _ADDRESS.fullmatch(value)
    return found is not None and 0 < int(found["port"]) <= _PORT_MAX


def _checked_url(value: str) -> str:
    try:
        parts = urlsplit(value)
        fine = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        fine = None
    if not fine or not value.isascii() or any(char <= " " for char in value):
        raise ValueError(f"{value!r} is no URL that begins with http:// or https://")
    return value
