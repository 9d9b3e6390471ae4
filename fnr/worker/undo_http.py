"""Undo an upload: one DELETE that follows no redirect."""

from __future__ import annotations

import http.client
import os
import urllib.error
import urllib.request
from typing import Any

from fnr.api.undo_order import Failed, Hopeless, UndoOrder


def http_delete(order: UndoOrder) -> str:
    """Delete what an attempt uploaded, or was about to; what there is to say of it."""
    headers = {}
    for name, variable in dict(order.data.get("headers_env") or {}).items():
        value = os.environ.get(variable)
        if value is None:
            raise Hopeless(f"the environment has no {variable}, which header {name} needs")
        if "\n" in value or "\r" in value:
            # Python would say so with the whole value.
            raise Hopeless(f"{variable} holds the end of a line, which header {name} cannot")
        headers[name] = value
    headers["Idempotency-Key"] = order.undo_id
    request = urllib.request.Request(  # noqa: S310 - checked to be http or https
        order.data["url"], method="DELETE", headers=headers
    )
    opener = urllib.request.build_opener(_NoRedirect)
    try:
        with opener.open(request, timeout=order.http_timeout_s) as answer:
            return f"HTTP {answer.status}"
    except urllib.error.HTTPError as error:
        if error.code in {404, 410}:
            return f"HTTP {error.code}: nothing to delete"
        raise Failed(f"HTTP {error.code} {error.reason}") from error
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise Failed(f"{type(error).__name__}: {error}") from error


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A DELETE goes where it was meant to go, or nowhere."""

    def redirect_request(self, *_: Any) -> None:
        """Follow none: it is reported as the HTTP status it is."""
