"""One question to the API of a REDCap project, and its whole answer or a reason.

Written on http.client and not on urllib or a larger library: nothing here follows a redirect, reads a proxy or a
password file from the environment, or takes an answer whose end is not proved, so that the token and the records go
between this machine and the named server only.
"""

from __future__ import annotations

import http.client
import re
import ssl
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlencode, urlsplit

from registry.errors import ExitCode
from registry.intake.redcap_answer import LONGEST, plain_address, refusal, whole_answer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from registry.errors import UserError

MAXIMUM_BYTES = 256 * 1024 * 1024
"""Largest answer: as large as the largest file that a submission may hold."""
ANSWER_SECONDS = 900.0
"""Longest time that one answer may take, however it drips."""

_ATTEMPTS = 4
_FIRST_PAUSE_SECONDS = 1.0
_PIECE = 1024 * 1024
_PASSING = frozenset({429, 500, 502, 503, 504})
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_VISIBLE = re.compile(r"[!-~]+")
_TOKEN = re.compile(r"[0-9A-Za-z]{32}")
_REDIRECTS = range(300, 400)


@dataclass(frozen=True, kw_only=True)
class Api:
    """Where and as whom to ask.

    url: of the API, such as https://redcap.hospital.org/api/. token: of one user in one project; it never stands in a
    message. timeout: seconds without a byte after which a connection is given up. pause: waits that many seconds.
    """

    url: str
    token: str = field(repr=False)
    timeout: float = 60.0
    pause: Callable[[float], None] = time.sleep


class _PassingError(Exception):
    """May be gone with the next attempt."""


def open_api(
    url: str,
    token: str,
    *,
    allow_http: bool = False,
    timeout: float = 60.0,
    pause: Callable[[float], None] = time.sleep,
) -> Api:
    """Return the API of a project; UserError if the address or the token cannot be one."""
    parts, host = _split(url)
    if not host or parts.scheme not in {"https", "http"} or "@" in parts.netloc or parts.query or parts.fragment:
        raise refusal(
            "--url",
            "This is no address of an API.",
            "Expected an address such as https://redcap.hospital.org/api/, without a user, a question mark or a #.",
            "Take it from the API page of the project.",
        )
    if parts.scheme == "http" and not (allow_http and host in _LOOPBACK):
        raise refusal(
            plain_address(url),
            "The address is http: the token and the records would travel in clear.",
            "Expected https; --allow-http is for a server on this machine.",
            "Write https:// at the start of the address.",
        )
    if not _TOKEN.fullmatch(token):
        raise refusal(
            "API token",
            f"The text has {len(token)} characters and is no token of a project.",
            "Expected 32 letters and digits.",
            "Copy it again from the API page of the project, without spaces around it.",
        )
    return Api(url=url, token=token, timeout=timeout, pause=pause)


def _split(url: str) -> tuple[SplitResult, str | None]:
    """Return the parts of an address and its host, None if it is no address."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return SplitResult("", "", "", "", ""), None
    return parts, parts.hostname if _VISIBLE.fullmatch(url) else None


def ask(api: Api, question: Mapping[str, str]) -> str:
    """Return the answer to one question as text.

    Connections that fail, answers that are cut short and the statuses 429, 500, 502, 503 and 504 are tried again, four
    times in all with growing pauses. Raises UserError for everything else that is no whole answer of REDCap.
    """
    body = urlencode({"token": api.token, "format": "csv", "returnFormat": "json", **question}).encode()
    wait, reason = _FIRST_PAUSE_SECONDS, ""
    for attempt in range(_ATTEMPTS):
        if attempt:
            api.pause(wait)
            wait *= 2
        try:
            status, data = _post(api, body)
        except _PassingError as error:
            reason = str(error)
            continue
        if status in _PASSING:
            reason = f"The server answered with status {status}."
            continue
        return whole_answer(api.url, api.token, status, data)
    raise refusal(
        plain_address(api.url),
        f"{reason} So it was {_ATTEMPTS} times.",
        "Expected a whole answer of REDCap.",
        "Try again later; with a smaller --batch if it is always too slow or cut short.",
        exit_code=ExitCode.BUSY,
    )


def _post(api: Api, body: bytes) -> tuple[int, bytes]:
    parts = urlsplit(api.url)
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        context = ssl.create_default_context()
        connection = http.client.HTTPSConnection(parts.netloc, timeout=api.timeout, context=context)
    else:
        connection = http.client.HTTPConnection(parts.netloc, timeout=api.timeout)
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "text/csv", "Connection": "close"}
    try:
        connection.request("POST", parts.path or "/", body, headers)
        response = connection.getresponse()
        if response.status in _REDIRECTS:
            raise _redirected(api, response.getheader("Location") or "")
        return response.status, _whole(api, response)
    except ssl.SSLCertVerificationError as error:
        raise refusal(
            plain_address(api.url),
            f"The server's certificate does not hold: {error.verify_message}.",
            "Expected a valid certificate of that server; without it somebody else may be answering.",
            "Check the address, or ask the server's administrator. The token was not sent.",
        ) from None
    except TimeoutError:
        text = f"The server said nothing for {api.timeout:g} seconds."
        raise _PassingError(text) from None
    except (OSError, http.client.HTTPException) as error:
        text = f"The connection failed ({type(error).__name__})."
        raise _PassingError(text) from None
    finally:
        connection.close()


def _whole(api: Api, response: http.client.HTTPResponse) -> bytes:
    """Return the body, whose end must be proved by its declared length or by its last chunk."""
    declared = response.length
    if declared is None and not response.chunked:
        text = "The answer does not say where it ends."
        raise _PassingError(text)
    end = time.monotonic() + ANSWER_SECONDS
    pieces, size = [], 0
    while size != declared and (piece := response.read1(_PIECE if declared is None else declared - size)):
        pieces.append(piece)
        size += len(piece)
        if size > MAXIMUM_BYTES:
            raise refusal(
                plain_address(api.url),
                f"The answer is larger than {MAXIMUM_BYTES:,} bytes.",
                "Expected an answer that fits into one submission.",
                "Use a smaller --batch, or map fewer fields.",
            )
        if time.monotonic() > end:
            text = f"The answer took more than {ANSWER_SECONDS:g} seconds."
            raise _PassingError(text)
    if declared is not None and size != declared:
        text = f"The answer was cut short: {size} bytes of {declared}."
        raise _PassingError(text)
    return b"".join(pieces)


def _redirected(api: Api, location: str) -> UserError:
    try:
        host = urlsplit(location).hostname or "another place"
    except ValueError:
        host = "another place"
    return refusal(
        plain_address(api.url),
        f"The server sends the question on to {host[:LONGEST]}.",
        "Expected an answer from the address itself; a token is not passed on.",
        "Write the address as the API page of the project gives it, with https and the slash at the end.",
    )
