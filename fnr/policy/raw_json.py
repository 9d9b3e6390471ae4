"""Is what msgspec has written of a value JSON? A msgspec.Raw within it stands there as it is."""

from __future__ import annotations

import msgspec

# In these there is none.
_PLAIN = (str, int, float)


def raw_problem(value: object, encoded: bytes) -> str:
    """What a Raw in a value holds that is no JSON; "" when all of it is.

    Not for what is nested too deep.
    """
    if isinstance(value, _PLAIN):
        return ""
    try:
        msgspec.json.decode(encoded)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return f"a msgspec.Raw that is not JSON: {error}"
    return ""
