"""What a function may ask for by raising: try again, do not try again, wait for something.

Each is an ordinary exception, so it also ends the function in a plain script. What it asks for is
read from its attributes when the attempt is captured, through any chain of causes.
"""

from __future__ import annotations

from fnr.worker.wrong_call import WrongCallError

# Ten years, the longest that a hint is believed; how long it is obeyed is the function's `wait`.
SECONDS_MAX = 10 * 365 * 24 * 3_600
# What a condition calls what has another name here.
_KINDS = {"gpus": "gpu"}


class Asked(Exception):
    """Base of the three; catch it to let none of them be swallowed by an `except Exception`.

    fnr_code: names the wish among an error's codes. wait_for: what is needed, "vram:8GiB".
    retry_after: seconds until another try makes sense; None when that is not known.
    """

    fnr_code = ""

    def __init__(
        self, why: str = "", *, retry_after: float | None = None, wait_for: str = ""
    ) -> None:
        super().__init__(why)
        self.retry_after = retry_after
        self.wait_for = wait_for


class Retry(Asked):
    """Try this again, no sooner than `after`: seconds, or a time with a unit like "5m".

    What is longer than the function's `wait` counts as that, and seconds below 0, a moment that has
    passed meanwhile (`reset_at - time.time()`), as 0; ValueError for what is no time.
    fnr still counts it as a retry, so it ends when the task's retries are used up.
    """

    fnr_code = "retry"

    def __init__(self, why: str = "", *, after: float | str | None = None) -> None:
        super().__init__(why or "asked to be tried again", retry_after=_seconds(after))


class Reject(Asked):
    """The input is wrong: no attempt will help, and the submitter is told why."""

    fnr_code = "reject"

    def __init__(self, why: str) -> None:
        super().__init__(why)


class Wait(Asked):
    """Something is used up: wait until it is free, at the longest as long as any wait.

    One of: vram or memory ("8GiB"), gpus (a count), disk ("/path:10GiB"), port, service (a name);
    ValueError for what is none of these.
    after: when to try at the latest, as for Retry.
    """

    fnr_code = "wait"

    def __init__(
        self,
        why: str = "",
        *,
        vram: str | None = None,
        memory: str | None = None,
        gpus: int | None = None,
        disk: str | None = None,
        port: int | None = None,
        service: str | None = None,
        after: float | str | None = None,
    ) -> None:
        asked = {"vram": vram, "memory": memory, "gpus": gpus, "disk": disk, "port": port}
        asked["service"] = service
        named = {name: value for name, value in asked.items() if value is not None}
        if len(named) > 1:
            raise WrongCallError(f"wait for one thing at a time, not for {' and '.join(named)}")
        wait_for = "".join(f"{_KINDS.get(name, name)}:{value}" for name, value in named.items())
        try:
            _check(wait_for, service)
        except ValueError as error:
            said = "".join(f"{name}={value!r}" for name, value in named.items())
            raise WrongCallError(f"fnr.Wait({said}): {error}") from None
        what = wait_for or "what is used up"
        super().__init__(
            why or f"asked to wait for {what}", retry_after=_seconds(after), wait_for=wait_for
        )


# People see them under the names they are raised by.
for _kind in (Asked, Retry, Reject, Wait):
    _kind.__module__ = "fnr"


def _check(wait_for: str, service: str | None) -> None:
    """Refuse what nobody can look for: by time alone it would be waited for to the end."""
    from fnr.config.breaker_words import service_names  # noqa: PLC0415 - 2 MiB for who waits
    from fnr.policy.condition import parse  # noqa: PLC0415 - the same

    parse(wait_for)
    service_names([] if service is None else [service])


def _seconds(after: float | str | None) -> float | None:
    if after is None:
        return None
    if not isinstance(after, int | float):
        from fnr.config.units import duration_ms  # noqa: PLC0415 - few functions write a unit

        try:
            after = duration_ms(after) / 1_000
        except ValueError as error:
            raise WrongCallError(f"after: {error}") from None
    # A moment that has passed meanwhile is now.
    seconds = min(max(after, 0), SECONDS_MAX)
    # Written so that "not a number" is refused.
    if not seconds >= 0:
        raise WrongCallError(f'after must be seconds or a time with a unit like "5m", got {after}')
    return seconds
