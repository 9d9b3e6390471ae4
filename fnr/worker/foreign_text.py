"""Text from foreign code made fit to be sent: bounded, and valid Unicode."""

from __future__ import annotations

from fnr.policy.halves import left_out

NAME_CHARS_MAX = 200

# Not kind.__qualname__: a metaclass of foreign code would answer, or raise.
_qualname_of = type.__dict__["__qualname__"].__get__
_module_of = type.__dict__["__module__"].__get__


def clean(text: str, chars_max: int) -> str:
    """Text that can be sent as JSON, its middle left out when it is too long."""
    if len(text) > chars_max:
        # The end of a traceback says more than its beginning.
        head = chars_max // 4
        words = _left_out(len(text) - chars_max)
        text = text[:head] + words + text[len(text) - (chars_max - head - len(words)) :]
    return text.encode("utf-8", "backslashreplace").decode()


def type_name(kind: type) -> str:
    """Qualified name of a class, builtins without their module; never raises."""
    name = _qualname_of(kind)
    try:
        module = _module_of(kind)
    except AttributeError:
        module = None
    if not isinstance(module, str):
        module = "?"
    return clean(name if module == "builtins" else f"{module}.{name}", NAME_CHARS_MAX)


def _left_out(too_many: int) -> str:
    """How many are left out, these words' own room among them."""
    count, words = 0, ""
    while count != too_many + len(words):
        count = too_many + len(words)
        words = left_out(count)
    return words
