"""Tell what a program raises in a signal handler, in the midst of our call, from what we meet."""

from __future__ import annotations


def of_a_handler(error: OSError) -> bool:
    """Did a signal handler raise it, as an alarm does?

    Asked of the handlers and not of where it was raised: also a socket may be written in Python, as
    that of gevent is.
    """
    import signal  # noqa: PLC0415 - only when a connection fails
    from traceback import walk_tb  # noqa: PLC0415 - as above

    handlers = [signal.getsignal(number) for number in signal.valid_signals()]
    codes = {_code(handler) for handler in handlers if callable(handler)} - {None}
    return any(frame.f_code in codes for frame, _ in walk_tb(error.__traceback__))


def _code(handler: object) -> object:
    # Of a function or a method, else of an object that can be called.
    own = getattr(handler, "__code__", None)
    return own or getattr(getattr(type(handler), "__call__", None), "__code__", None)  # noqa: B004 - not asked whether, but which
