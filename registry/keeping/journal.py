"""What a long command has set out to do, so that the next one can bring it to its end if it was stopped.

A journal names persons by pseudonym only, is readable by its owner only, and is gone when the work is done.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from registry.errors import ExitCode, UserError
from registry.keeping.publish import sync_folder, write_file

if TYPE_CHECKING:
    from collections.abc import Mapping

    from registry.study import Study


def set_out(study: Study, what: str, plan: Mapping[str, Any]) -> None:
    """Write down what is to be done."""
    write_file(study.folder / f"registry.{what}", (json.dumps(plan, sort_keys=True) + "\n").encode())


def set_out_before(study: Study, what: str) -> dict[str, Any] | None:
    """Return what was to be done and is not finished; None if nothing is."""
    path = study.folder / f"registry.{what}"
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except ValueError:
        raise UserError(
            str(path),
            seen="The note of what a stopped command had set out to do is damaged.",
            expected="Expected it as that command wrote it.",
            advice="Restore a backup, or remove the file and give the command again.",
            state="Nothing was changed.",
            exit_code=ExitCode.BAD_STUDY,
        ) from None


def finished(study: Study, what: str) -> None:
    """Forget what is done."""
    (study.folder / f"registry.{what}").unlink(missing_ok=True)
    sync_folder(study.folder)
