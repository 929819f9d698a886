"""The README says what is so."""

from __future__ import annotations

from pathlib import Path

from myoregistry import cli
from registry.dictionary import BEGIN, END, data_dictionary

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_its_data_dictionary_is_that_of_the_contract() -> None:
    assert README.split(BEGIN)[1].split(END)[0].strip() == data_dictionary()


def test_every_verb_that_it_names_exists() -> None:
    lines = [line.split() for line in README.splitlines() if line.strip().startswith("myoregistry ")]
    verbs = {words[3] if words[1] == "--study" else words[1] for words in lines}
    assert verbs
    assert verbs <= set(cli.commands)


def test_the_files_that_it_points_to_exist() -> None:
    for name in (
        "docs/report-page.png",
        "registry/rules.toml",
        "registry/sql/concepts",
        "registry/sql/cohort",
        "benchmarks",
    ):
        assert (ROOT / name).exists(), name
        assert name.split("/")[-1].split(".")[0] in README
