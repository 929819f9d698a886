"""A REDCap server of one project, for tests: the flat export of its API over HTTP, and how it goes wrong."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import ssl
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs

from tests.redcap_cohort import (
    CHECKBOXES,
    EVENT_FORMS,
    FORMS,
    RECORD_ID,
    ROWS,
    STRUCTURE,
    Row,
    as_csv,
    column_names,
    columns,
)

TOKEN = "0123456789ABCDEF0123456789ABCDEF"  # noqa: S105  (of the stub)
PAGE = "<!DOCTYPE html><html><body>Log in</body></html>"


@dataclass
class RedcapServer:
    """What the server holds and what it was asked.

    faults: how the next answers go wrong, one each: a status, "hang", "redirect", "truncate", "truncate chunks",
    "chunks" (right, without a length), "no length", "reset", "drip", "html", "lose a row", "half a row", "no header"
    or "" for a right answer. denied: fields that the user may
    not export. hashed: record ids are hashed, differently each time. rights: what is said to a user without rights.
    certificate: with its key, for https.
    """

    rows: Sequence[Row] = ROWS
    longitudinal: bool = True
    faults: list[str | int] = field(default_factory=list)
    denied: frozenset[str] = frozenset()
    hashed: bool = False
    rights: str = ""
    version: str = "14.5.5"
    questions: list[Mapping[str, list[str]]] = field(default_factory=list)
    certificate: tuple[Path, Path] | None = None
    url: str = ""

    def asked(self, content: str) -> list[Mapping[str, list[str]]]:
        """Return the questions for one kind of content."""
        return [question for question in self.questions if question["content"] == [content]]

    def answer(self, question: Mapping[str, list[str]]) -> tuple[int, str]:
        """Return status and body, as REDCap would."""
        if question.get("token") != [TOKEN]:
            return 403, json.dumps({"error": "You do not have permissions to use the API"})
        if self.rights:
            return 400, json.dumps({"error": self.rights})
        (content,) = question["content"]
        if content == "record":
            return self._records(question)
        if content == "formEventMapping" and not self.longitudinal:
            return 400, json.dumps({"error": "You cannot export form/event mappings for classic projects"})
        text = {
            "version": lambda: self.version,
            "metadata": self._dictionary,
            "exportFieldNames": _field_names,
            "formEventMapping": _form_event_mapping,
        }
        return 200, text[content]()

    def _hash(self, record: str) -> str:
        return hashlib.sha256(f"{len(self.questions)} {record}".encode()).hexdigest()[:32]

    def _dictionary(self) -> str:
        names = ("field_name", "form_name", "section_header", "field_type", "field_label",
                 "select_choices_or_calculations")  # fmt: skip
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(names)
        for form, fields in FORMS.items():
            for name in fields:
                choices = " | ".join(f"{code}, Choice {code}" for code in CHECKBOXES.get(name, ()))
                kind = "checkbox" if name in CHECKBOXES else "text"
                writer.writerow((name, form, "", kind, f'What is "{name}",\nplease?', choices))
            writer.writerow((f"{form}_text", form, "", "descriptive", "Thank you", ""))
        return text.getvalue()

    def _records(self, question: Mapping[str, list[str]]) -> tuple[int, str]:
        asked = {what: _array(question, what) for what in ("records", "fields", "events", "forms")}
        variables = {name for fields in FORMS.values() for name in fields} | {f"{form}_complete" for form in FORMS}
        for what, known in (("fields", variables), ("events", set(EVENT_FORMS))):
            unknown = [name for name in asked[what] if name not in known]
            if unknown:
                listed = ", ".join(f"'{name}'" for name in unknown)
                return 400, json.dumps(
                    {"error": f'The following values in the parameter "{what}" are not valid: {listed}'}
                )
        wanted = set(asked["fields"] or variables)
        for form in asked["forms"]:
            wanted |= {*FORMS[form], f"{form}_complete"}
        exported = {col for name in wanted - self.denied for col in column_names(name)}
        # The structure comes with the record ID, which is exported only where it was asked for.
        exported |= set(STRUCTURE) if RECORD_ID in wanted else set()
        rows = [
            row for row in self.rows
            if (not asked["records"] or row[RECORD_ID] in asked["records"])
            and (not asked["events"] or row["redcap_event_name"] in asked["events"])
        ]  # fmt: skip
        if self.hashed:
            rows = [{**row, RECORD_ID: self._hash(row[RECORD_ID])} for row in rows]
        if not self.longitudinal:
            exported -= set(STRUCTURE)
        return 200, as_csv(rows, [name for name in columns() if name in exported]) if rows else "\n"


def _array(question: Mapping[str, list[str]], name: str) -> list[str]:
    """Return the values of name[0], name[1] and so on, as PHP reads them."""
    return [values[0] for key, values in question.items() if key.startswith(f"{name}[")]


def _field_names() -> str:
    lines = ["original_field_name,choice_value,export_field_name"]
    for fields in FORMS.values():
        for name in fields:
            codes = CHECKBOXES.get(name, ("",))
            lines += [f"{name},{code},{column}" for code, column in zip(codes, column_names(name), strict=True)]
    return "\n".join([*lines, ""])


def _form_event_mapping() -> str:
    pairs = [f"1,{event},{form}" for event, forms in EVENT_FORMS.items() for form in forms]
    return "\n".join(["arm_num,unique_event_name,form", *pairs, ""])


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    stub: RedcapServer
    released: threading.Event

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        question = parse_qs(body, keep_blank_values=True, strict_parsing=True)
        self.stub.questions.append(question)
        fault = self.stub.faults.pop(0) if self.stub.faults else ""
        status, text = self.stub.answer(question)
        if isinstance(fault, int):
            self._send(fault, "Internal Server Error")
        elif fault:
            getattr(self, f"_{fault.replace(' ', '_')}")(status, text)
        else:
            self._send(status, text)
        self.close_connection = True

    def _send(self, status: int, text: str, *, cut: int = 0) -> None:
        data = text.encode()
        # Older versions call CSV text/html: the header proves nothing.
        self._start(status, **{"Content-Type": "text/html; charset=utf-8", "Content-Length": str(len(data))})
        self.wfile.write(data[: len(data) - cut])

    def _start(self, status: int, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def _hang(self, status: int, text: str) -> None:
        self.released.wait(10)

    def _drip(self, status: int, text: str) -> None:
        self._start(status, **{"Content-Length": str(len(text) + 1000)})
        for _ in range(100):
            if self.released.wait(0.05):
                return
            self.wfile.write(b"x")

    def _redirect(self, status: int, text: str) -> None:
        self._start(302, **{"Location": "https://elsewhere.example/api/?secret=1", "Content-Length": "0"})

    def _truncate(self, status: int, text: str) -> None:
        self._send(status, text, cut=1)

    def _truncate_chunks(self, status: int, text: str) -> None:
        self._start(status, **{"Transfer-Encoding": "chunked"})
        data = text.encode()
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")

    def _chunks(self, status: int, text: str) -> None:
        self._truncate_chunks(status, text)
        self.wfile.write(b"0\r\n\r\n")

    def _no_length(self, status: int, text: str) -> None:
        self._start(status)
        self.wfile.write(text.encode())

    def _reset(self, status: int, text: str) -> None:
        """Close without a word."""

    def _html(self, status: int, text: str) -> None:
        self._send(200, PAGE)

    def _lose_a_row(self, status: int, text: str) -> None:
        self._send(status, "\n".join(text.split("\n")[:-2]) + "\n")

    def _half_a_row(self, status: int, text: str) -> None:
        self._send(status, text.rstrip("\n").rpartition(",")[0] + "\n")

    def _no_header(self, status: int, text: str) -> None:
        self._send(status, "\n")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing when the client has left."""


@contextmanager
def serving(server: RedcapServer) -> Iterator[RedcapServer]:
    """Answer at server.url inside the block."""
    released = threading.Event()
    http = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"stub": server, "released": released}))
    http.daemon_threads = True
    scheme = "http"
    if server.certificate is not None:
        scheme = "https"
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*server.certificate)
        http.socket = context.wrap_socket(http.socket, server_side=True)
    server.url = f"{scheme}://127.0.0.1:{http.server_address[1]}/redcap/api/"
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        released.set()
        http.shutdown()
        thread.join()
        http.server_close()
