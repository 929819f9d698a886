"""Imports only go down the stairs: registry <- analyses <- reports, and the front door above them."""

from __future__ import annotations

import ast
import importlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FLOORS = ("registry", "analyses", "reports", "myoregistry")
MAXIMUM_PUBLIC_NAMES = 12
MAXIMUM_LINES = 300


def modules(floor: str) -> list[Path]:
    return sorted((ROOT / floor).rglob("*.py"))


def imported(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names.add((node.module or "").split(".")[0])
    return names


@pytest.mark.parametrize("floor", FLOORS)
def test_no_module_imports_from_a_floor_above(floor: str) -> None:
    above = set(FLOORS[FLOORS.index(floor) + 1 :])
    found = {str(path.relative_to(ROOT)): imported(path) & above for path in modules(floor)}
    assert {path: names for path, names in found.items() if names} == {}


@pytest.mark.parametrize("floor", FLOORS[:3])
def test_a_floor_has_at_most_twelve_public_names_and_each_exists(floor: str) -> None:
    module = importlib.import_module(floor)
    names = module.__all__
    assert 0 < len(names) <= MAXIMUM_PUBLIC_NAMES
    assert list(names) == sorted(names)
    assert all(getattr(module, name) is not None for name in names)


def test_methods_know_no_medicine() -> None:
    words = ("ivig", "rituximab", "myositis", "cohort")
    for path in sorted((ROOT / "analyses" / "methods").rglob("*.py")):
        text = path.read_text(encoding="utf-8").lower()
        assert [word for word in words if word in text] == [], path.name
        below = re.findall(r"^(?:from|import) (registry[.\w]*)", text, flags=re.MULTILINE)
        assert set(below) <= {"registry.errors"}, path.name


@pytest.mark.parametrize("floor", FLOORS)
def test_a_module_does_one_thing_in_a_readable_length(floor: str) -> None:
    long = {
        str(path.relative_to(ROOT)): n
        for path in modules(floor)
        if (n := len(path.read_text().splitlines())) > MAXIMUM_LINES
    }
    assert long == {}


@pytest.mark.parametrize("floor", FLOORS)
def test_a_module_says_in_its_first_line_what_it_does(floor: str) -> None:
    for path in modules(floor):
        assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))), path
