"""The shell that a program on a terminal was begun from: whether there is one, and going there."""

from fnr.host.foreground import has_shell, stop_for_shell

__all__ = ["has_shell", "stop_for_shell"]
