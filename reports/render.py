"""A page of HTML into a PDF file: checked, printed in a child process with limits, published whole or not at all."""

from __future__ import annotations

import hashlib
import html as html_text
import json
import logging
import os
import re
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING

from matplotlib.ft2font import FT2Font

from registry.errors import ExitCode, UserError

if TYPE_CHECKING:
    from collections.abc import Mapping

LOGGER = logging.getLogger(__name__)
FONTS = ("OpenSans-Regular.ttf", "OpenSans-Bold.ttf", "OpenSans-Italic.ttf")
STYLESHEET = "print.css"
MEDIA_TYPES = {".css": "text/css", ".ttf": "font/ttf", ".svg": "image/svg+xml"}
_PASSED_ON = ("PATH", "LD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH")
_FONT_CONFIGURATION = (
    '<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd">\n'
    "<fontconfig><dir>{folder}</dir><cachedir>{folder}/cache</cachedir></fontconfig>\n"
)


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What the child process may use: address space (bytes), processor time and waiting time (seconds)."""

    memory_bytes: int = 4 * 1024**3
    cpu_seconds: int = 300
    wait_seconds: int = 900


def render_pdf(
    html: str, *, figures: Mapping[str, bytes], cut: date, output: Path, limits: Limits | None = None
) -> Path:
    """Print a page with its figures (SVG by name, "response.svg") as PDF/UA-1 into a file, and return its path.

    The same page gives the same bytes: the only date in the file is the data cut and its identifier is a hash of what
    is printed. Nothing but the bundled style sheet and fonts, the figures and data: addresses can be read by the page.
    Raises UserError (REPORT_FAILED) if a character has no glyph in the bundled font, if the child process fails or
    reports an error, or if it reaches a limit; then no file is written and an existing one stays as it was.
    """
    _every_character_has_a_glyph(html, figures, output)
    limits = limits or Limits()
    with tempfile.TemporaryDirectory(prefix="report-") as name:
        folder = Path(name)
        contents = {**_bundled(), **figures}
        for file, body in contents.items():
            (folder / file).write_bytes(body)
        (folder / "report.html").write_text(html, encoding="utf-8")
        (folder / "fonts.conf").write_text(_FONT_CONFIGURATION.format(folder=folder), encoding="utf-8")
        job = {
            "files": {file: MEDIA_TYPES[Path(file).suffix] for file in contents},
            "identifier": _identifier(html, contents),
            "memory_bytes": limits.memory_bytes,
            "cpu_seconds": limits.cpu_seconds,
        }
        (folder / "job.json").write_text(json.dumps(job), encoding="utf-8")
        _print_in_child(folder, cut=cut, limits=limits, output=output)
        publish((folder / "report.pdf").read_bytes(), output)
    return output


def publish(body: bytes, output: Path) -> None:
    """Write a file under its name whole or not at all, and let it reach the disk."""
    output.parent.mkdir(parents=True, exist_ok=True)
    temporary = output.with_name(f".{output.name}.{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(output)
    finally:
        temporary.unlink(missing_ok=True)
    descriptor = os.open(output.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@cache
def _bundled() -> Mapping[str, bytes]:
    templates = files("reports").joinpath("templates")
    fonts = {name: templates.joinpath("fonts", name).read_bytes() for name in FONTS}
    return {STYLESHEET: templates.joinpath(STYLESHEET).read_bytes(), **fonts}


def _identifier(html: str, contents: Mapping[str, bytes]) -> str:
    digest = hashlib.sha256(html.encode())
    for name in sorted(contents):
        digest.update(name.encode() + b"\0" + contents[name])
    return digest.hexdigest()[:32]


def _print_in_child(folder: Path, *, cut: date, limits: Limits, output: Path) -> None:
    epoch = int(datetime(cut.year, cut.month, cut.day, tzinfo=UTC).timestamp())
    environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    environment |= {
        "LC_ALL": "C.UTF-8",
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "FONTCONFIG_FILE": str(folder / "fonts.conf"),
        "SOURCE_DATE_EPOCH": str(epoch),
    }
    with as_file(files("reports").joinpath("printing.py")) as script:
        try:
            done = subprocess.run(  # noqa: S603  (our own script, our own interpreter, no shell)
                [sys.executable, "-I", str(script), str(folder)],
                env=environment, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True,
                timeout=limits.wait_seconds, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise _failed(output, f"The layout engine was still at work after {limits.wait_seconds} seconds.") from None
    log = folder / "log.json"
    lines = json.loads(log.read_text(encoding="utf-8")) if log.is_file() else []
    for line in lines:
        LOGGER.log(getattr(logging, line["level"], logging.WARNING), "%s", line["text"])
    errors = [line["text"] for line in lines if line["level"] in {"ERROR", "CRITICAL"}]
    if done.returncode != 0:
        raise _failed(output, _how_it_ended(done.returncode, done.stderr.decode("utf-8", "replace")))
    if errors:
        raise _failed(output, f"The layout engine reports: {'; '.join(errors)[:500]}.")
    if not (folder / "report.pdf").is_file():
        raise _failed(output, "The layout engine ended well but left no file.")


def _how_it_ended(status: int, standard_error: str) -> str:
    if status < 0:
        cause = signal.Signals(-status).name
        hint = " (limit of processor time)" if cause == "SIGXCPU" else ""
        return f"The layout engine was ended by {cause}{hint}."
    last = next((line for line in reversed(standard_error.splitlines()) if line.strip()), "no message")
    return f"The layout engine ended with status {status}: {last.strip()[:500]}."


def _every_character_has_a_glyph(html: str, figures: Mapping[str, bytes], output: Path) -> None:
    # A missing glyph would be taken from whatever font the machine has, or be an empty box that breaks PDF/UA.
    text = "".join(
        html_text.unescape(re.sub(r"<[^>]*>", " ", part)) for part in (html, *map(bytes.decode, figures.values()))
    )
    missing = sorted({c for c in text if ord(c) not in glyphs() and c not in "\n\r\t"})
    if missing:
        named = ", ".join(f"{c} (U+{ord(c):04X})" for c in missing[:20])
        raise _failed(output, f"No glyph in the bundled font for: {named}.")


@cache
def glyphs() -> frozenset[int]:
    """Return the code points that every bundled font has."""
    folder = files("reports").joinpath("templates", "fonts")
    maps = []
    for name in FONTS:
        with as_file(folder.joinpath(name)) as path:
            maps.append(frozenset(FT2Font(str(path)).get_charmap()))
    return frozenset.intersection(*maps)


def _failed(output: Path, seen: str) -> UserError:
    return UserError(
        str(output),
        seen=seen,
        expected="Expected the report to be laid out without errors.",
        advice="See the message; the numbers themselves are safe in the results folder.",
        state="No report was written; an earlier one of this name is unchanged.",
        exit_code=ExitCode.REPORT_FAILED,
    )
