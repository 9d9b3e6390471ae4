"""Private keys as openssl writes them, of numbers that are nobody's."""

from __future__ import annotations

import base64
import hashlib
import textwrap

ED25519_PREFIX = bytes.fromhex("302e020100300506032b657004220420")
# Version 0 and the beginning of a modulus of 1,024 bits.
RSA_PREFIX = bytes.fromhex("3082025c02010002818100c1")


def ed25519_key() -> str:
    """What `openssl genpkey -algorithm ed25519` prints: one line between two."""
    return _pem("PRIVATE KEY", ED25519_PREFIX, 48)


def rsa_key() -> str:
    """What `openssl genrsa -traditional 1024` prints."""
    return _pem("RSA PRIVATE KEY", RSA_PREFIX, 608)


def _pem(name: str, prefix: bytes, size: int) -> str:
    der = prefix + hashlib.shake_256(name.encode()).digest(size - len(prefix))
    body = textwrap.fill(base64.b64encode(der).decode(), 64)
    return f"-----BEGIN {name}-----\n{body}\n-----END {name}-----\n"
