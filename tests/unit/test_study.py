"""study.toml is read whole, and every mistake in it is told at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from registry.errors import ExitCode, UserError
from registry.study import SmtpDelivery, init_study, load_study

TWO_CENTRES = """
[study]
name = "s"
title = "T"
[[centre]]
code = "a"
name = "A"
[[centre]]
code = "a"
name = "B"
"""


def test_the_study_that_init_writes_can_be_read(tmp_path: Path) -> None:
    init_study(tmp_path / "study")
    study = load_study(tmp_path / "study")
    assert [centre.code for centre in study.centres] == ["lyon", "leuven"]
    assert study.analysis.horizon_months == 24
    assert study.database == tmp_path / "study" / "registry.duckdb"


def test_init_does_not_write_over_a_study(tmp_path: Path) -> None:
    init_study(tmp_path)
    (tmp_path / "study.toml").write_text("mine", encoding="utf-8")
    with pytest.raises(UserError, match="There is a study already"):
        init_study(tmp_path)
    assert (tmp_path / "study.toml").read_text(encoding="utf-8") == "mine"


def test_every_mistake_is_named_at_once(tmp_path: Path) -> None:
    (tmp_path / "study.toml").write_text(
        '[study]\nname = "Has Blanks"\ntitle = "T"\n[[centre]]\ncode = "lyon"\nname = "Lyon"\n'
        '[analysis]\nhorizon_months = 500\ncovariate = ["age"]\n',
        encoding="utf-8",
    )
    with pytest.raises(UserError) as caught:
        load_study(tmp_path)
    assert caught.value.exit_code == ExitCode.BAD_STUDY
    for part in ("name:", "analysis.horizon_months:", "analysis.covariate:"):
        assert part in caught.value.text()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "There is no such file"),
        ("[study", "at the end of a table declaration"),
        ('[study]\nname = "s"\ntitle = "T"\n', "centre"),
        (TWO_CENTRES, "same code"),
        ('[study]\nname = "s"\ntitle = "T"\n[[centre]]\ncode = "a"\nname = "A"\n[rules]\nnonsense = 1\n', "nonsense"),
    ],
)
def test_a_study_that_cannot_be_used_says_why(tmp_path: Path, text: str | None, message: str) -> None:
    if text is not None:
        (tmp_path / "study.toml").write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=message) as caught:
        load_study(tmp_path)
    assert caught.value.exit_code == ExitCode.BAD_STUDY


def test_an_address_with_a_line_break_is_refused() -> None:
    values = {
        "kind": "smtp",
        "host": "h",
        "sender": "a@example.org",
        "recipients": ["b@example.org\nBcc: c@example.org"],
    }
    with pytest.raises(ValueError, match="recipients"):
        SmtpDelivery.model_validate(values)
