"""What an answer of a REDCap server means: the text that was asked for, or a reason why it did not come."""

from __future__ import annotations

import json
import re
from urllib.parse import urlsplit

from registry.errors import ExitCode, UserError

UNCHANGED = "Nothing was written."
LONGEST = 300
"""Most characters of another's text that are quoted."""

_OK, _BAD_REQUEST, _UNAUTHORISED, _FORBIDDEN = 200, 400, 401, 403
_EXPECTED = "Expected a user with API Export and the Full Data Set of the forms that the mapping reads."


def whole_answer(url: str, token: str, status: int, data: bytes) -> str:
    """Return the text of an answer; UserError with what REDCap or another server says against it."""
    where = plain_address(url)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise no_redcap(where, "The answer is no text in UTF-8.") from None
    if text.lstrip()[:20].lower().startswith(("<!doctype", "<html")):
        raise no_redcap(where, f"A web page answered (status {status}), such as a login or maintenance page.")
    said = _complaint(token, text)
    if status == _OK and said is None:
        return text
    if said and re.search(r"privilege|not have access|export right", said, flags=re.IGNORECASE):
        raise refusal(
            where,
            f"The user of this token may not export. REDCap says: {said}",
            _EXPECTED,
            "Ask the project's administrator for these rights.",
        )
    if status in {_UNAUTHORISED, _FORBIDDEN} or (said and "permissions to use the API" in said):
        raise refusal(
            where,
            f"REDCap refuses the token (status {status}).",
            "Expected the token of a user who may use the API in this project.",
            "Copy the token again, or ask the project's administrator for the right API Export.",
        )
    if status not in {_OK, _BAD_REQUEST}:
        raise no_redcap(where, f"The server answered with status {status}.")
    raise refusal(
        where,
        f"REDCap refuses the question: {said or 'no reason is given'}",
        "Expected a project that has every field and event of the mapping.",
        "Compare the mapping with the project's data dictionary and events.",
    )


def no_redcap(where: str, seen: str) -> UserError:
    """Return the error of an address at which something else than REDCap answers."""
    advice = "Take the address from the API page of the project; it usually ends in /api/."
    return refusal(where, seen, "Expected the API of REDCap.", advice)


def refusal(where: str, seen: str, expected: str, advice: str, *, exit_code: ExitCode = ExitCode.USAGE) -> UserError:
    """Return the error of a pull that ended before anything was written."""
    return UserError(where, seen=seen, expected=expected, advice=advice, state=UNCHANGED, exit_code=exit_code)


def plain_address(url: str) -> str:
    """Return an address as messages show it."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}{parts.path}"


def _complaint(token: str, text: str) -> str | None:
    """Return what REDCap complains about, or None: as JSON, as XML or behind the word ERROR, by its version."""
    start = text.lstrip()
    said: str | None = None
    if start.startswith("{"):
        try:
            said = str(json.loads(start).get("error"))
        except (ValueError, AttributeError):
            said = None
    elif start.startswith("<"):
        found = re.search(r"<error>(.*?)</error>", start, flags=re.DOTALL)
        said = found[1] if found else "an XML document"
    elif start.startswith("ERROR:"):
        said = start
    if said is None:
        return None
    plain = "".join(c if c.isprintable() else " " for c in said.replace(token, "(token)"))
    return plain.strip().removeprefix("ERROR:").strip()[:LONGEST]
