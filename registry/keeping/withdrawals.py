"""Persons who have withdrawn their consent, as tokens that name nobody: what is sent of them again is left out."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from registry.errors import ExitCode, UserError
from registry.keeping.publish import write_file

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def read_withdrawals(path: Path) -> frozenset[str]:
    """Return the tokens; none if there is no file. Raises UserError if the file is damaged."""
    try:
        tokens = json.loads(path.read_bytes())["tokens"]
        return frozenset(map(str, tokens))
    except FileNotFoundError:
        return frozenset()
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            str(path),
            seen=f"The list of withdrawals cannot be read: {error}.",
            expected="Expected the list that 'myoregistry erase' keeps.",
            advice="Put it back from a backup.",
            state="Nothing was changed: without it, rows of persons who withdrew could come back.",
            exit_code=ExitCode.BAD_STUDY,
        ) from None


def write_withdrawals(path: Path, tokens: Iterable[str]) -> None:
    """Write the list, whole or not at all."""
    write_file(path, (json.dumps({"tokens": sorted(tokens)}, indent=0) + "\n").encode())
