"""Send one message, in a process of its own: `python -m fnr.host.tell`.

What is to be sent comes on standard input. The exit code is 0 when somebody took it, and the last
line printed says who, or why not. HTTP, TLS and mail need 12 MiB, which the daemon does not have to
keep for what it does once a day, and a server that never answers is ended from outside.
"""

from __future__ import annotations

import sys

import msgspec
from msgspec import Struct

EXIT_NOT_SENT = 1
_WORDS_CHARS_MAX = 300
# More than is said, so that what has to be hidden is not cut in two.
_READ_BYTES_MAX = 4_096
_SECRET_CHARS_MIN = 6


class Letter(Struct, frozen=True, kw_only=True):
    """What to send, and how.

    webhook: a URL that gets `body`, JSON, by POST with these headers; else it is a mail.
    smtp:    "host:port"; "" for the program sendmail.
    """

    subject: str
    text: str
    body: str
    timeout_s: float
    webhook: str = ""
    headers: dict[str, str] = {}
    to: tuple[str, ...] = ()
    sender: str = ""
    smtp: str = ""


def main() -> int:
    """Send what standard input holds."""
    letter = msgspec.json.decode(sys.stdin.buffer.read(), type=Letter)
    try:
        said = _post(letter) if letter.webhook else _mail(letter)
    except Exception as error:  # noqa: BLE001 - whatever keeps it from being sent is to be told
        return _end(EXIT_NOT_SENT, _hidden(str(error) or type(error).__name__, letter))
    return _end(0, said)


def _hidden(words: str, letter: Letter) -> str:
    """Without the secrets that were sent: some servers say them back."""
    for value in letter.headers.values():
        for secret in (value.strip(), value.strip().rpartition(" ")[2]):
            if len(secret) >= _SECRET_CHARS_MIN:
                words = words.replace(secret, "…")
    return words


def _end(code: int, words: str) -> int:
    sys.stdout.write(f"\n{' '.join(words.split())[:_WORDS_CHARS_MAX]}\n")
    return code


def _post(letter: Letter) -> str:
    import urllib.error  # noqa: PLC0415 - the daemon, which knows Letter, needs none of it
    import urllib.request  # noqa: PLC0415 - likewise

    class Straight(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_: object) -> None:
            """A POST that is led elsewhere would become a GET: it is told as the status it is."""

    headers = {"Content-Type": "application/json", "User-Agent": "fnr", **letter.headers}
    request = urllib.request.Request(  # noqa: S310 - checked to be http or https
        letter.webhook, data=letter.body.encode(), headers=headers, method="POST"
    )
    try:
        with urllib.request.build_opener(Straight).open(
            request, timeout=letter.timeout_s
        ) as answer:
            return f"HTTP {answer.status}"
    except urllib.error.HTTPError as error:
        with error:
            said = error.read(_READ_BYTES_MAX).decode(errors="replace")
        raise OSError(f"HTTP {error.code} {error.reason}: {said}") from error
    except urllib.error.URLError as error:
        raise OSError(str(error.reason)) from error


def _mail(letter: Letter) -> str:
    from email.message import EmailMessage  # noqa: PLC0415 - the daemon, which knows Letter, needs none of it
    from email.utils import formatdate, make_msgid  # noqa: PLC0415 - likewise

    mail = EmailMessage()
    mail["Subject"] = " ".join(letter.subject.split())
    mail["From"] = letter.sender
    mail["To"] = ", ".join(letter.to)
    mail["Date"] = formatdate()
    mail["Message-ID"] = make_msgid("fnr")
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(letter.text + "\n")
    if not letter.smtp:
        return _sendmail(mail.as_bytes())
    import smtplib  # noqa: PLC0415 - as above

    host, _, port = letter.smtp.rpartition(":")
    with smtplib.SMTP(host.strip("[]"), int(port), timeout=letter.timeout_s) as server:
        server.ehlo()
        if server.has_extn("starttls"):
            server.starttls()
            server.ehlo()
        if refused := server.send_message(mail):
            raise OSError(f"not taken for {', '.join(refused)}: {refused}")
    return f"{letter.smtp} took it"


def _sendmail(mail: bytes) -> str:
    import os  # noqa: PLC0415 - as above
    import shutil  # noqa: PLC0415 - likewise
    import subprocess  # noqa: PLC0415 - likewise

    places = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/lib"
    program = shutil.which("sendmail", path=places)
    if program is None:
        raise OSError('there is no program sendmail; say which server: smtp = "host:25"')
    done = subprocess.run([program, "-i", "-t"], input=mail, capture_output=True, check=False)
    if done.returncode:
        words = done.stderr.decode(errors="replace").strip()
        raise OSError(f"{program} ended with {done.returncode}: {words}")
    return f"{program} took it"


if __name__ == "__main__":
    sys.exit(main())
