"""From a REDCap server to a submission: complete or not at all, and the token goes nowhere else."""

from __future__ import annotations

import datetime as dt
import ipaddress
import re
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from myoregistry.pull import pull
from registry import add, load_study
from registry.checking.checks import check
from registry.contract import TABLES, VERSION
from registry.errors import ExitCode, UserError
from registry.intake import redcap_api, redcap_pull, submission
from registry.intake.redcap import read_redcap
from registry.intake.redcap_api import open_api
from registry.intake.redcap_mapping import read_mapping
from registry.intake.redcap_pull import Pulled, pull_redcap
from registry.intake.submission import read_submission
from tests.redcap_cohort import CHECKBOXES, MAPPING, RECORD_ID, ROWS, STRUCTURE, persons, used_columns
from tests.redcap_server import TOKEN, RedcapServer, serving

DAY = dt.date(2026, 6, 30)
FILES = ["manifest.toml", "mapping.toml", "redcap.csv"]


@pytest.fixture
def server() -> Iterator[RedcapServer]:
    with serving(RedcapServer()) as running:
        yield running


@pytest.fixture
def pauses() -> list[float]:
    return []


@pytest.fixture
def attempt(server: RedcapServer, pauses: list[float], tmp_path: Path) -> Callable[..., Pulled]:
    """Return what pulls from the server into tmp_path/out with the shipped mapping."""

    def run(*, mapping: str = MAPPING, batch: int = 500, timeout: float = 5.0, token: str = TOKEN) -> Pulled:
        path = tmp_path / "ours.toml"
        path.write_text(mapping, encoding="utf-8")
        api = open_api(server.url, token, allow_http=True, timeout=timeout, pause=pauses.append)
        return pull_redcap(api, path, tmp_path / "out", centre="lyon", day=DAY, sender="data manager", batch=batch)

    return run


@pytest.fixture(autouse=True)
def _registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(submission.READERS, "redcap", read_redcap)


def refused(attempt: Callable[..., Pulled], tmp_path: Path, **settings: object) -> UserError:
    """Return the error of a pull, of which nothing may be left."""
    with pytest.raises(UserError) as caught:
        attempt(**settings)
    error = caught.value
    assert not list((tmp_path / "out").glob("*")) if (tmp_path / "out").exists() else True
    assert all([error.where, error.seen, error.expected, error.advice, error.state])
    assert error.state == "Nothing was written."
    assert TOKEN not in error.text()
    return error


def test_what_is_pulled_gives_the_same_tables_as_the_same_cohort_in_contract_files(
    attempt: Callable[..., Pulled], tmp_path: Path, write_submission: Callable[..., Path]
) -> None:
    pulled = attempt()
    ours = check(read_submission(write_submission(tmp_path / "csv" / "lyon-2026-06-30")))
    theirs = check(read_submission(pulled.folder))
    assert (ours.rejects, theirs.rejects) == (0, 0)
    assert [p.rule for p in theirs.submission.problems] == []
    for name in TABLES:
        assert theirs.rows[name].drop_columns("line").equals(ours.rows[name].drop_columns("line")), name
    assert (pulled.records, pulled.rows, pulled.version) == (2, 8, "14.5.5")


def test_what_is_pulled_is_taken_in_whole(attempt: Callable[..., Pulled], tmp_path: Path) -> None:
    folder = tmp_path / "study"
    folder.mkdir()
    text = 'name = "study"\ntitle = "A study"\n[[centre]]\ncode = "lyon"\nname = "Lyon"\n'
    (folder / "study.toml").write_text(text, encoding="utf-8")
    receipt = add(load_study(folder), attempt().folder)
    assert (receipt.accepted, receipt.quarantined) == (14, 0)


def test_the_folder_is_a_submission_for_its_owner_only(attempt: Callable[..., Pulled], tmp_path: Path) -> None:
    folder = attempt().folder
    assert folder == tmp_path / "out" / "lyon-2026-06-30"
    assert sorted(path.name for path in folder.iterdir()) == FILES
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert sorted(path.name for path in folder.parent.iterdir()) == ["lyon-2026-06-30"]
    manifest = read_submission(folder).manifest
    assert manifest is not None
    assert (manifest.centre, manifest.date, manifest.contract) == ("lyon", DAY, VERSION)
    assert (manifest.sender, manifest.format) == ("data manager", "redcap")
    assert (folder / "mapping.toml").read_text(encoding="utf-8") == MAPPING


def test_only_the_fields_and_events_of_the_mapping_are_asked_for(
    server: RedcapServer, attempt: Callable[..., Pulled]
) -> None:
    export = (attempt().folder / "redcap.csv").read_text(encoding="utf-8")
    (question,) = [q for q in server.asked("record") if any(key.startswith("records") for key in q)]
    mapping, _ = read_mapping(MAPPING.encode(), "mapping.toml")
    assert mapping is not None
    fields = {value for key, (value,) in question.items() if key.startswith("fields[")}
    assert fields == {re.sub(r"___.*", "", name) for name in mapping.fields}
    assert set(CHECKBOXES) <= fields
    assert {value for key, (value,) in question.items() if key.startswith("events[")} == set(mapping.events)
    assert not [key for key in question if key.startswith("forms")]
    assert question["rawOrLabel"] == question["rawOrLabelHeaders"] == ["raw"]
    assert (question["type"], question["format"], question["csvDelimiter"]) == (["flat"], ["csv"], [","])
    assert question["exportSurveyFields"] == question["exportDataAccessGroups"] == ["false"]
    assert export.partition("\n")[0].split(",") == used_columns()
    assert "Dupont" not in export
    assert "surname" not in export


def test_access_groups_are_asked_for_only_where_the_mapping_reads_them(
    server: RedcapServer, attempt: Callable[..., Pulled], tmp_path: Path
) -> None:
    block = '[[patient]]\nevents = ["enrolment_arm_1"]\n'
    mapping = MAPPING.replace(block, block + 'when = { redcap_data_access_group = ["lyon"] }\n')
    refused(attempt, tmp_path, mapping=mapping)
    question = server.asked("record")[-1]
    assert question["exportDataAccessGroups"] == ["true"]
    assert "redcap_data_access_group" not in {value for (value,) in question.values()}


def test_an_answer_in_chunks_is_whole_when_its_last_chunk_came(
    server: RedcapServer, attempt: Callable[..., Pulled]
) -> None:
    server.faults = ["chunks"] * 5
    assert attempt().rows == 8
    assert server.faults == []


@pytest.mark.parametrize("batch", [1, 3, 7, 500])
def test_batches_change_nothing(batch: int, server: RedcapServer, attempt: Callable[..., Pulled]) -> None:
    server.rows = persons(7)
    pulled = attempt(batch=batch)
    assert (pulled.records, pulled.rows) == (7, len(server.rows))
    assert len(server.asked("record")) == 1 + -(-7 // batch)
    found = read_submission(pulled.folder)
    assert found.tables["patient"]["patient_id"].to_pylist() == [f"P{n}" for n in range(1, 8)]
    assert found.counts["lab"] == sum(2 if n % 2 else 1 for n in range(1, 8))


@pytest.mark.parametrize("fault", [500, 502, 503, 429, "truncate", "truncate chunks", "no length", "reset"])
@pytest.mark.parametrize("question", range(5))
def test_a_passing_fault_of_any_question_is_survived(
    fault: str | int, question: int, server: RedcapServer, attempt: Callable[..., Pulled], pauses: list[float]
) -> None:
    server.faults = [*[""] * question, fault]
    pulled = attempt()
    assert (pulled.records, pulled.rows) == (2, 8)
    assert (pauses, len(server.questions)) == ([1.0], 6)


@pytest.mark.parametrize(
    "case",
    [
        (500, "The server answered with status 500."),
        ("truncate", "The answer was cut short: 5 bytes of 6."),
        ("truncate chunks", "The connection failed (IncompleteRead)."),
        ("no length", "The answer does not say where it ends."),
        ("reset", "The connection failed (RemoteDisconnected)."),
        ("hang", "The server said nothing for 0.2 seconds."),
    ],
)
def test_a_fault_that_stays_ends_the_pull_after_four_attempts(
    case: tuple[str | int, str],
    server: RedcapServer,
    attempt: Callable[..., Pulled],
    pauses: list[float],
    tmp_path: Path,
) -> None:
    fault, seen = case
    server.faults = [fault] * 9
    error = refused(attempt, tmp_path, timeout=0.2)
    assert error.seen == f"{seen} So it was 4 times."
    assert (pauses, len(server.questions), error.exit_code) == ([1.0, 2.0, 4.0], 4, ExitCode.BUSY)


def test_an_answer_that_drips_for_ever_is_given_up(
    server: RedcapServer, attempt: Callable[..., Pulled], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redcap_api, "ANSWER_SECONDS", 0.3)
    server.faults = ["drip"] * 4
    start = time.monotonic()
    assert refused(attempt, tmp_path).seen == "The answer took more than 0.3 seconds. So it was 4 times."
    # Each answer drips for five seconds, more often than any silence would be noticed.
    assert time.monotonic() - start < 12


def test_nothing_answers_at_the_address(tmp_path: Path, pauses: list[float]) -> None:
    with serving(RedcapServer()) as gone:
        url = gone.url
    (tmp_path / "m.toml").write_text(MAPPING, encoding="utf-8")
    api = open_api(url, TOKEN, allow_http=True, pause=pauses.append)
    with pytest.raises(UserError, match="ConnectionRefusedError"):
        pull_redcap(api, tmp_path / "m.toml", tmp_path / "out", centre="lyon", day=DAY)


def test_a_redirect_is_refused_and_the_token_does_not_follow_it(
    server: RedcapServer, attempt: Callable[..., Pulled], tmp_path: Path
) -> None:
    server.faults = ["redirect"]
    error = refused(attempt, tmp_path)
    assert error.seen == "The server sends the question on to elsewhere.example."
    assert "secret" not in error.text()
    assert len(server.questions) == 1


def test_a_wrong_token_is_told_at_the_first_question(
    server: RedcapServer, attempt: Callable[..., Pulled], tmp_path: Path
) -> None:
    error = refused(attempt, tmp_path, token="F" * 32)
    assert error.seen == "REDCap refuses the token (status 403)."
    assert "F" * 32 not in error.text()
    assert len(server.questions) == 1


@pytest.mark.parametrize("fault", ["html", 404, 501])
def test_an_address_that_is_no_redcap_is_told(
    fault: str | int, server: RedcapServer, attempt: Callable[..., Pulled], tmp_path: Path
) -> None:
    server.faults = [fault]
    error = refused(attempt, tmp_path)
    assert error.expected == "Expected the API of REDCap."
    assert error.where == server.url


def test_a_server_without_a_version_is_no_redcap(
    server: RedcapServer, attempt: Callable[..., Pulled], tmp_path: Path
) -> None:
    server.version = "pong"
    assert "no version" in refused(attempt, tmp_path).seen


def test_everything_that_the_project_does_not_have_is_told_at_once_before_a_record_is_asked_for(
    server: RedcapServer, attempt: Callable[..., Pulled], tmp_path: Path
) -> None:
    mapping = MAPPING.replace('field = "birth_year"', 'field = "birthyear"').replace("visit_arm_1", "vists_arm_1")
    mapping = mapping.replace('instrument = "drug_course"', 'instrument = "drugs_course"')
    mapping = mapping.replace('6 = "overlap"', '7 = "overlap"').replace(
        'record_id = "record_id"', 'record_id = "study_id"'
    )
    error = refused(attempt, tmp_path, mapping=mapping)
    assert error.seen.split("\n  ") == [
        "record_id: the project's record ID is record_id, not study_id.",
        "birthyear: the project has no such field. Did you mean birth_year?",
        "diagnosis___7: the project has no such field. Did you mean diagnosis___6?",
        "drugs_course: the project has no such repeating instrument. Did you mean drug_course?",
        "vists_arm_1: the project has no such event. Did you mean visit_arm_1?",
    ]
    assert error.exit_code == ExitCode.BAD_SUBMISSION
    assert server.asked("record") == []


def test_a_mapping_with_mistakes_sends_nothing(
    server: RedcapServer, attempt: Callable[..., Pulled], tmp_path: Path
) -> None:
    error = refused(attempt, tmp_path, mapping='record_id = "record_id"\nshoe = 1\n[[lab]]\n[lab.columns]\n')
    assert "shoe: There is no such setting." in error.seen
    assert server.questions == []


def test_a_project_without_events_is_told_apart(
    server: RedcapServer, attempt: Callable[..., Pulled], tmp_path: Path
) -> None:
    server.longitudinal = False
    error = refused(attempt, tmp_path)
    assert error.seen.endswith("You cannot export form/event mappings for classic projects")


@pytest.mark.parametrize("rows", [[], [row for row in ROWS if row["redcap_event_name"] == "none"]])
def test_an_empty_project_is_told(
    rows: list[dict[str, str]], server: RedcapServer, attempt: Callable[..., Pulled], tmp_path: Path
) -> None:
    server.rows = rows
    error = refused(attempt, tmp_path)
    assert error.seen == "The project holds no record in the events of the mapping."
    assert error.exit_code == ExitCode.NOTHING_TO_READ


def test_a_user_who_may_not_export_is_told_what_redcap_says(
    server: RedcapServer, attempt: Callable[..., Pulled], tmp_path: Path
) -> None:
    server.rights = f"Insufficient user privileges: You must have 'API Export' privileges in the project. {TOKEN}\n"
    error = refused(attempt, tmp_path)
    assert error.seen.startswith("The user of this token may not export. REDCap says: Insufficient user privileges")
    assert "(token)" in error.seen


def test_fields_that_redcap_leaves_out_without_a_word_are_missed(
    server: RedcapServer, attempt: Callable[..., Pulled], tmp_path: Path
) -> None:
    server.denied = frozenset({"ck", "birth_year"})
    error = refused(attempt, tmp_path)
    assert error.seen == "REDCap left fields out that the project has (2): birth_year, ck."
    assert "Full Data Set" in error.expected


def test_hashed_record_ids_are_recognised(server: RedcapServer, attempt: Callable[..., Pulled], tmp_path: Path) -> None:
    server.hashed = True
    error = refused(attempt, tmp_path)
    assert error.seen.startswith("Of 2 records 2 did not come, and 0 others did. The ids look hashed")


@pytest.mark.parametrize(
    ("fault", "seen"),
    [
        ("lose a row", "Of 1 records 1 did not come, and 0 others did."),
        ("half a row", "The answer has a row with another number of fields than its header."),
        ("no header", "Of 1 records 1 did not come, and 0 others did."),
    ],
)
def test_a_batch_that_is_not_whole_ends_the_pull(
    fault: str, seen: str, server: RedcapServer, attempt: Callable[..., Pulled], tmp_path: Path
) -> None:
    server.rows = [row for row in ROWS if not row["redcap_repeat_instance"]]
    mapping = re.sub(r"no_rows_yet = .*", 'no_rows_yet = ["visit_arm_1"]', MAPPING)
    server.faults = ["", "", "", "", "", fault]
    assert refused(attempt, tmp_path, batch=1, mapping=mapping).seen == seen


def test_two_batches_with_different_columns_are_not_joined(
    server: RedcapServer, attempt: Callable[..., Pulled], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = server.answer

    def turned(question: dict[str, list[str]]) -> tuple[int, str]:
        status, text = answer(question)
        late = question.get("records[0]") == ["P2"]
        return status, text.replace("ck,ck_uln", "ck_uln,ck", 1) if late else text

    monkeypatch.setattr(server, "answer", turned)
    assert refused(attempt, tmp_path, batch=1).seen == "Two batches came with different columns."


def test_an_answer_that_is_too_large_is_not_read(
    server: RedcapServer, attempt: Callable[..., Pulled], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redcap_api, "MAXIMUM_BYTES", 1000)
    server.rows = persons(100)
    assert "larger than 1,000 bytes" in refused(attempt, tmp_path).seen


def test_records_that_are_too_large_together_are_not_written(
    server: RedcapServer, attempt: Callable[..., Pulled], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redcap_pull, "MAXIMUM_BYTES", 1000)
    server.rows = persons(20)
    assert "Expected at most 1,000" in refused(attempt, tmp_path, batch=1).expected


def test_a_folder_that_is_there_is_never_written_over(
    server: RedcapServer, attempt: Callable[..., Pulled], tmp_path: Path
) -> None:
    first = attempt()
    before = (first.folder / "redcap.csv").read_bytes()
    asked = len(server.questions)
    with pytest.raises(UserError, match="such a folder already"):
        attempt()
    assert len(server.questions) == asked
    assert (first.folder / "redcap.csv").read_bytes() == before


def test_a_full_disk_leaves_nothing_behind(
    attempt: Callable[..., Pulled], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = redcap_pull.write_file

    def full(path: Path, data: bytes) -> None:
        if path.name == "redcap.csv":
            raise OSError(28, "No space left on device")
        write(path, data)

    monkeypatch.setattr(redcap_pull, "write_file", full)
    assert "No space left on device" in refused(attempt, tmp_path).seen


@pytest.mark.parametrize(
    ("url", "allow_http"),
    [
        ("http://redcap.example/api/", False),
        ("http://redcap.example/api/", True),
        ("http://127.0.0.1/api/", False),
        ("http://localhost.example/api/", True),
        ("ftp://redcap.example/api/", True),
        ("https://", False),
        ("https://user:word@redcap.example/api/", False),
        ("https://:word@redcap.example/api/", False),
        ("https://redcap.example/api/?token=1", False),
        ("https://redcap.example:port/api/", False),
        ("https://redcap.example/a b", False),
        ("https://redcap.example/a\nHost: other", False),
        ("redcap.example/api/", False),
    ],
)
def test_an_address_must_be_https_unless_it_is_this_machine(url: str, allow_http: bool) -> None:
    with pytest.raises(UserError) as caught:
        open_api(url, TOKEN, allow_http=allow_http)
    assert "word" not in caught.value.text()


@pytest.mark.parametrize("token", ["", "short", TOKEN + "\n", TOKEN * 2, "é" * 32, "a b" * 10 + "cd"])
def test_what_is_no_token_is_told_without_showing_it(token: str) -> None:
    with pytest.raises(UserError) as caught:
        open_api("https://redcap.example/api/", token)
    assert f"{len(token)} characters" in caught.value.seen
    assert not token or token not in caught.value.text()


def test_the_token_stands_in_no_picture_of_the_api() -> None:
    assert TOKEN not in repr(open_api("https://redcap.example/api/", TOKEN))


def _certificate(folder: Path) -> tuple[Path, Path]:
    """Write a certificate for 127.0.0.1 that nobody has signed."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    start = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(start)
        .not_valid_after(start.replace(year=2126))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "certificate.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    kind = serialization.PrivateFormat.PKCS8
    (folder / "key.pem").write_bytes(key.private_bytes(serialization.Encoding.PEM, kind, plain))
    return folder / "certificate.pem", folder / "key.pem"


def test_a_certificate_that_nobody_signed_ends_the_pull_before_the_token_is_sent(tmp_path: Path) -> None:
    server = RedcapServer(certificate=_certificate(tmp_path))
    (tmp_path / "m.toml").write_text(MAPPING, encoding="utf-8")
    with serving(server), pytest.raises(UserError) as caught:
        pull_redcap(open_api(server.url, TOKEN), tmp_path / "m.toml", tmp_path / "out", centre="lyon", day=DAY)
    assert server.url.startswith("https://")
    assert "certificate does not hold" in caught.value.seen
    assert server.questions == []


def test_a_certificate_that_the_machine_trusts_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = RedcapServer(certificate=_certificate(tmp_path))
    (tmp_path / "m.toml").write_text(MAPPING, encoding="utf-8")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "certificate.pem"))
    with serving(server):
        pulled = pull_redcap(open_api(server.url, TOKEN), tmp_path / "m.toml", tmp_path / "out", centre="lyon", day=DAY)
    assert pulled.records == 2


def _arguments(url: str, folder: Path) -> list[str]:
    (folder / "m.toml").write_text(MAPPING, encoding="utf-8")
    return [
        "redcap", "--url", url, "--mapping", str(folder / "m.toml"), "--centre", "lyon", "--date", "2026-06-30",
        "--output", str(folder / "out"), "--allow-http",
    ]  # fmt: skip


def test_the_command_pulls_and_the_token_is_written_nowhere(
    server: RedcapServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    done = CliRunner().invoke(pull, _arguments(server.url, tmp_path), env={"REDCAP_TOKEN": TOKEN})
    assert done.exit_code == 0, done.output
    assert done.output.startswith("2 records in 8 rows of 59 fields, from REDCap 14.5.5.\n")
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert TOKEN not in done.output
    assert TOKEN.encode() not in written
    assert caplog.records == []


@pytest.mark.parametrize(
    ("variable", "seen"), [("MISSING_TOKEN", "MISSING_TOKEN is empty"), (TOKEN, "looks like a token")]
)
def test_the_command_takes_the_token_from_the_environment_only(
    variable: str, seen: str, server: RedcapServer, tmp_path: Path
) -> None:
    done = CliRunner().invoke(pull, [*_arguments(server.url, tmp_path), "--token-variable", variable])
    assert isinstance(done.exception, UserError)
    assert seen in done.exception.seen
    assert TOKEN not in done.exception.text()
    assert server.questions == []


def test_the_command_prints_a_mapping_to_start_from() -> None:
    done = CliRunner().invoke(pull, ["mapping"])
    assert done.output == MAPPING


@pytest.mark.parametrize("sender", ['Dr "Quote" \\ Müller', "日本"])
def test_any_name_of_a_sender_comes_back_as_it_was(sender: str, server: RedcapServer, tmp_path: Path) -> None:
    arguments = [*_arguments(server.url, tmp_path), "--sender", sender]
    assert CliRunner().invoke(pull, arguments, env={"REDCAP_TOKEN": TOKEN}).exit_code == 0
    manifest = read_submission(tmp_path / "out" / "lyon-2026-06-30").manifest
    assert manifest is not None
    assert manifest.sender == sender


def test_the_stub_gives_the_structure_only_with_the_record_id() -> None:
    server = RedcapServer()
    question = {"token": [TOKEN], "content": ["record"], "fields[0]": ["sex"]}
    assert server.answer(question)[1].partition("\n")[0] == "sex"
    status, text = server.answer({**question, "fields[1]": [RECORD_ID]})
    assert (status, text.partition("\n")[0]) == (200, ",".join([RECORD_ID, *STRUCTURE, "sex"]))
    assert "diagnosis,1,diagnosis___1" in server.answer({"token": [TOKEN], "content": ["exportFieldNames"]})[1]
