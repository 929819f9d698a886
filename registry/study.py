"""study.toml as typed, frozen configuration: the whole protocol of one study."""

from __future__ import annotations

import os
import tomllib
from datetime import date  # noqa: TC003  (pydantic reads the annotation at run time)
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from registry.errors import ExitCode, UserError
from registry.rules import Rules, load_rules

KEY_FILE_VARIABLE = "MYOREGISTRY_KEY_FILE"

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")]


Address = Annotated[str, Field(pattern=r"^[^\s@<>,;]+@[^\s@<>,;]+$")]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Centre(_Frozen):
    """A hospital that sends its cohort."""

    code: Name
    name: str
    country: str = ""


class Analysis(_Frozen):
    """What is compared and how: the choices of the protocol that are not clinical thresholds."""

    reference: Literal["ivig", "rituximab"] = "ivig"
    horizon_months: Annotated[int, Field(ge=6, le=120)] = 24
    trajectory_months: tuple[Annotated[int, Field(ge=1, le=120)], ...] = (1, 3, 6, 12, 24)
    covariates: tuple[str, ...] = (
        "age_decades", "female", "ild", "asys", "dysphagia", "prior_immunosuppressants_2", "phga",
    )  # fmt: skip
    minimum_centre_size: Annotated[int, Field(ge=2)] = 10


class FolderDelivery(_Frozen):
    """The report is published in a folder."""

    kind: Literal["folder"]
    folder: str


class SmtpDelivery(_Frozen):
    """The report is sent by mail, one message a recipient. User and password come from the environment."""

    kind: Literal["smtp"]
    host: str
    port: Annotated[int, Field(ge=1, le=65535)] = 587
    security: Literal["starttls", "tls", "none"] = "starttls"
    sender: Address
    recipients: Annotated[tuple[Address, ...], Field(min_length=1)]
    user_variable: str | None = None
    password_variable: str | None = None
    timeout_seconds: Annotated[float, Field(gt=0, le=600)] = 60


Delivery = Annotated[FolderDelivery | SmtpDelivery, Field(discriminator="kind")]


class Report(_Frozen):
    """A report that is owed at regular dates."""

    name: Name
    kind: Literal["committee"] = "committee"
    title: str
    every: Literal["month", "quarter"] = "quarter"
    day: Annotated[int, Field(ge=1, le=28)] = 15
    first_due: date
    data_cut: Literal["end of the previous month", "end of the previous quarter"] = "end of the previous quarter"
    delivery: Annotated[tuple[Delivery, ...], Field(min_length=1)]


class Keeping(_Frozen):
    """How the registry is kept. key_file: a path, from the folder of the study."""

    key_file: str = "registry.key"


class Study(_Frozen):
    """One study on disk: study.toml and the folder that it stands in.

    The folder holds registry.duckdb, registry.head, archive/, ledger.duckdb, snapshots/, results/ and reports/.
    """

    folder: Path
    name: Name
    title: str
    question: str = "Which should be given first in refractory dermatomyositis or polymyositis: IVIG or rituximab?"
    centres: tuple[Centre, ...] = Field(alias="centre", min_length=1)
    overrides: dict[str, Decimal] = Field(alias="rules", default_factory=dict)
    analysis: Analysis = Analysis()
    reports: tuple[Report, ...] = Field(alias="report", default=())
    keeping: Keeping = Field(alias="registry", default=Keeping())

    @field_validator("centres")
    @classmethod
    def _codes_differ(cls, centres: tuple[Centre, ...]) -> tuple[Centre, ...]:
        codes = [centre.code for centre in centres]
        if len(codes) != len(set(codes)):
            text = "two centres have the same code"
            raise ValueError(text)
        return centres

    @field_validator("reports")
    @classmethod
    def _names_differ(cls, reports: tuple[Report, ...]) -> tuple[Report, ...]:
        names = [report.name for report in reports]
        if len(names) != len(set(names)):
            text = "two reports have the same name"
            raise ValueError(text)
        return reports

    @property
    def database(self) -> Path:
        """The live registry."""
        return self.folder / "registry.duckdb"

    @property
    def key_file(self) -> Path:
        """The keys of the registry, outside the database; in an environment variable if that is set."""
        return self.folder / (os.environ.get(KEY_FILE_VARIABLE) or self.keeping.key_file)

    @property
    def head(self) -> Path:
        """Number and hash of the newest entry of the audit trail, outside the database."""
        return self.folder / "registry.head"

    @property
    def archive(self) -> Path:
        """What arrived, byte for byte, encrypted."""
        return self.folder / "archive"

    @property
    def withdrawals(self) -> Path:
        """Tokens of the persons who have withdrawn their consent."""
        return self.folder / "registry.withdrawn"

    @property
    def lock(self) -> Path:
        """Who writes to the registry at the moment."""
        return self.folder / "registry.lock"

    @property
    def ledger(self) -> Path:
        """What reports went out."""
        return self.folder / "ledger.duckdb"

    @property
    def snapshots(self) -> Path:
        """Frozen states of the registry."""
        return self.folder / "snapshots"

    @property
    def results(self) -> Path:
        """Results by snapshot."""
        return self.folder / "results"

    @property
    def rules(self) -> Rules:
        """Clinical thresholds with those of this study in place of the shipped ones."""
        return load_rules(self.overrides)


def load_study(folder: Path | str = ".") -> Study:
    """Return the study in a folder (or in a study.toml); UserError with every mistake in it at once."""
    path = Path(folder)
    path = path if path.suffix == ".toml" else path / "study.toml"
    if not path.is_file():
        raise UserError(
            str(path),
            seen="There is no such file.",
            expected="Expected the folder of a study, which holds study.toml.",
            advice="Name the folder with --study, or make one with 'myoregistry init'.",
            state="Nothing was changed.",
            exit_code=ExitCode.BAD_STUDY,
        )
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise _bad_study(path, [f"{error}."]) from None
    raw = {**raw.pop("study", {}), **raw}
    try:
        study = Study.model_validate({**raw, "folder": path.parent.resolve()})
    except ValidationError as error:
        places = [f"{'.'.join(str(p) for p in e['loc'])}: {e['msg']}." for e in error.errors()]
        raise _bad_study(path, places) from None
    load_rules(study.overrides)
    return study


def _bad_study(path: Path, places: list[str]) -> UserError:
    return UserError(
        str(path),
        seen="\n  ".join(places),
        expected="Expected the settings that 'myoregistry init' writes.",
        advice="Correct what is listed.",
        state="Nothing was changed.",
        exit_code=ExitCode.BAD_STUDY,
    )


def init_study(folder: Path) -> Path:
    """Write study.toml with every setting explained into a folder and return its path; never over an existing one."""
    path = folder / "study.toml"
    if path.exists():
        raise UserError(
            str(path),
            seen="There is a study already.",
            expected="Expected a folder without study.toml.",
            advice="Edit the one that is there, or name another folder.",
            state="Nothing was changed.",
            exit_code=ExitCode.BAD_STUDY,
        )
    folder.mkdir(parents=True, exist_ok=True)
    template = files("registry").joinpath("study_template.toml").read_text(encoding="utf-8")
    path.write_text(template, encoding="utf-8")
    return path
