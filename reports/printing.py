"""HTML and its files into a tagged PDF, in a process of its own that can reach nothing else.

Run as a script by reports/render.py, never imported by it: a crash of the layout engine or of a font library ends this
process and not the caller's. The only argument is a folder that holds job.json, report.html and the files that the
page may ask for; report.pdf and log.json are written beside them.
"""

from __future__ import annotations

import json
import logging
import re
import resource
import sys
import warnings
from pathlib import Path
from typing import Any

SCHEME = "report"
_NAME = re.compile(rf"{SCHEME}:([A-Za-z0-9][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+)*)")


def _limit(job: dict[str, Any]) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (job["memory_bytes"],) * 2)
    resource.setrlimit(resource.RLIMIT_CPU, (job["cpu_seconds"], job["cpu_seconds"] + 5))


class _Log(logging.Handler):
    """Keep what the layout engine has to say."""

    def __init__(self) -> None:
        super().__init__(level=logging.WARNING)
        self.lines: list[dict[str, str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append({"level": record.levelname, "text": record.getMessage()})


def _print(folder: Path, job: dict[str, Any]) -> None:
    # Imported below the limits, so that they hold for everything that is loaded.
    from weasyprint import HTML  # noqa: PLC0415
    from weasyprint.urls import FatalURLFetchingError, URLFetcher, URLFetcherResponse  # noqa: PLC0415

    allowed: dict[str, str] = job["files"]

    class OwnFiles(URLFetcher):  # type: ignore[misc]
        """Files of this report by name, and data: addresses; everything else ends the work."""

        def fetch(self, url: str, headers: dict[str, str] | None = None) -> Any:  # noqa: ANN401
            match = _NAME.fullmatch(url)
            if match and match[1] in allowed:
                body = (folder / match[1]).read_bytes()
                return URLFetcherResponse(url, body, {"Content-Type": allowed[match[1]]})
            if url.startswith("data:"):
                return super().fetch(url, headers)
            message = f"the page asks for {url[:200]}, which is not one of its own files"
            raise FatalURLFetchingError(message)

    fetcher = OwnFiles(allowed_protocols={"data"}, allow_redirects=False, fail_on_errors=True)
    document = HTML(string=(folder / "report.html").read_text(encoding="utf-8"), url_fetcher=fetcher)
    document.write_pdf(folder / "report.pdf", pdf_variant="pdf/ua-1", pdf_identifier=bytes.fromhex(job["identifier"]))


def main(folder: Path) -> int:
    """Print the report in a folder; 0 if report.pdf was written."""
    job = json.loads((folder / "job.json").read_text(encoding="utf-8"))
    _limit(job)
    log = _Log()
    logging.getLogger("weasyprint").addHandler(log)
    logging.captureWarnings(capture=True)
    warnings.simplefilter("always")
    logging.getLogger("py.warnings").addHandler(log)
    try:
        _print(folder, job)
    finally:
        (folder / "log.json").write_text(json.dumps(log.lines), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
