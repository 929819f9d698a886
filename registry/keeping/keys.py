"""The keys of a registry, in a file of their own that only their owner can read: without it no person can be named."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from registry.errors import ExitCode, UserError
from registry.keeping.publish import write_file

if TYPE_CHECKING:
    from pathlib import Path

KEY_BYTES = 32
FINGERPRINT_LENGTH = 16
_NAMES = ("pseudonym", "archive")


@dataclass(frozen=True, kw_only=True)
class Keys:
    """What the registry hides with; never printed.

    pseudonym: of person ids (HMAC-SHA256). archive: of what arrived (AES-256-GCM). withdrawn: of the list of persons
    who withdrew, which stays when the other two are changed. previous: keys that are being replaced, None otherwise.
    """

    pseudonym: bytes
    archive: bytes
    withdrawn: bytes
    previous: Keys | None = None

    @property
    def fingerprint(self) -> str:
        """What tells these keys from others without giving them away."""
        return hmac.new(self.pseudonym + self.archive, b"fingerprint", hashlib.sha256).hexdigest()[:FINGERPRINT_LENGTH]

    def __repr__(self) -> str:
        return f"Keys({self.fingerprint})"


def new_keys(*, after: Keys | None = None) -> Keys:
    """Return new random keys; after: the ones that they replace, whose list of withdrawals goes on."""
    return Keys(
        pseudonym=secrets.token_bytes(KEY_BYTES),
        archive=secrets.token_bytes(KEY_BYTES),
        withdrawn=after.withdrawn if after else secrets.token_bytes(KEY_BYTES),
        previous=after,
    )


def write_keys(path: Path, keys: Keys) -> None:
    """Write the keys, 0600, whole or not at all."""
    named: dict[str, Any] = {name: getattr(keys, name).hex() for name in (*_NAMES, "withdrawn")}
    if keys.previous:
        named["previous"] = {name: getattr(keys.previous, name).hex() for name in _NAMES}
    write_file(path, (json.dumps(named, indent=1) + "\n").encode())


def read_keys(path: Path) -> Keys:
    """Read the keys.

    Raises UserError if the file is missing, damaged, or readable by others than its owner.
    """
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        content = path.read_bytes()
    except OSError as error:
        raise _no_keys(path, f"The file with the keys cannot be read: {error.strerror}.") from None
    if mode & 0o077:
        raise UserError(
            str(path),
            seen=f"Others than the owner can use this file (mode {mode:04o}).",
            expected="Expected mode 0600: who has the keys can name the persons.",
            advice=f"Run: chmod 600 {path.name}. If somebody may have read it, change the keys: 'myoregistry rekey'.",
            state="Nothing was changed.",
            exit_code=ExitCode.BAD_STUDY,
        )
    try:
        named = json.loads(content)
        previous = named.pop("previous", None)
        withdrawn = _key(named["withdrawn"])
        return Keys(
            pseudonym=_key(named["pseudonym"]),
            archive=_key(named["archive"]),
            withdrawn=withdrawn,
            previous=previous
            and Keys(pseudonym=_key(previous["pseudonym"]), archive=_key(previous["archive"]), withdrawn=withdrawn),
        )
    except (ValueError, TypeError, AttributeError, KeyError):
        raise _no_keys(path, "The file does not hold the keys of a registry, or it is damaged.") from None


def _key(value: str) -> bytes:
    key = bytes.fromhex(value)
    if len(key) != KEY_BYTES:
        text = "a key has another length"
        raise ValueError(text)
    return key


def _no_keys(path: Path, seen: str) -> UserError:
    return UserError(
        str(path),
        seen=seen,
        expected="Expected the keys that the registry was made with: they stand outside the database on purpose.",
        advice="Put the file back from where you keep it, or name it in study.toml: [registry] key_file.",
        state="Nothing was changed. Without its keys nothing can be added to the registry, and no archive be read.",
        exit_code=ExitCode.BAD_STUDY,
    )
