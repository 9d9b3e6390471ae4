"""Text from foreign code made fit to be sent: bounded, and valid Unicode."""

from __future__ import annotations

_NAME_CHARS_MAX = 200


def clean(text: str, chars_max: int) -> str:
    """Text that can be sent as JSON, its middle left out when it is too long."""
    if len(text) > chars_max:
        # The end of a traceback says more than its beginning.
        head = chars_max // 4
        left_out = f"\n… {len(text) - chars_max} characters left out …\n"
        text = text[:head] + left_out + text[len(text) - (chars_max - head - len(left_out)) :]
    return text.encode("utf-8", "backslashreplace").decode()


def type_name(kind: type) -> str:
    """Qualified name of a class, builtins without their module."""
    module, name = kind.__module__, kind.__qualname__
    return clean(name if module == "builtins" else f"{module}.{name}", _NAME_CHARS_MAX)
