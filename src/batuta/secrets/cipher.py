"""Encryption of values that are kept and must not be read (stores spec §A14).

The key comes from the setting `encryption_key`, else from a file in the data folder that is made when the
first value needs it. Keys can be exchanged: the newest one encrypts, and the older ones, which are further
lines of the file or `previous_encryption_keys`, still read what they have encrypted.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from batuta.errors import OperatorError
from batuta.model.sealed import TYPE

KEY_BYTES = 32
NONCE_BYTES = 12
KEY_FILE = "encryption.key"


class Cipher:
    """AES-GCM with one key to write and any number to read; keys are read when the first value needs them."""

    def __init__(self, key: str | None, folder: Path, previous: Iterable[str] = ()) -> None:
        self._given = key
        self._previous = tuple(previous)
        self._file = folder / KEY_FILE
        self._ciphers: list[Any] = []

    def encrypt(self, text: str) -> dict[str, str]:
        """A value that says what it is, and that only the key makes readable."""
        return {"type": TYPE, "value": self.seal(text)}

    def decrypt(self, value: dict[str, Any]) -> str:
        """The text inside a value of `encrypt`.

        Raises:
            OperatorError: it was encrypted with a key that is not known.
        """
        return self.open(value["value"])

    def seal(self, text: str, bound_to: str = "") -> str:
        """The text encrypted, in base64. It opens only together with what it is bound to."""
        nonce = os.urandom(NONCE_BYTES)
        sealed = self._all()[0].encrypt(nonce, text.encode(), bound_to.encode() or None)
        return base64.b64encode(nonce + sealed).decode()

    def open(self, sealed: str, bound_to: str = "") -> str:
        """The text of `seal`.

        Raises:
            OperatorError: it was encrypted with a key that is not known.
        """
        from cryptography.exceptions import InvalidTag

        ciphers = self._all()
        try:
            octets = base64.b64decode(sealed, validate=True)
        except ValueError:
            octets = b""
        for cipher in ciphers:
            try:
                opened: bytes = cipher.decrypt(
                    octets[:NONCE_BYTES], octets[NONCE_BYTES:], bound_to.encode() or None
                )
                return opened.decode()
            except (InvalidTag, ValueError):
                continue
        raise OperatorError(
            "A secret value was encrypted with another key",
            mend="give back the key that was in use then: `encryption_key` or `previous_encryption_keys`, "
            f"or a line of the file {self._file}",
        )

    def exchange(self) -> None:
        """Put a new key in front of those in the key file; what was encrypted before can still be read.

        Raises:
            OperatorError: the key is given by a setting, which only the operator can change.
        """
        if self._given:
            raise OperatorError(
                "The encryption key is given by the setting `encryption_key`",
                mend="give a new one there, and the present one as `previous_encryption_keys`",
            )
        kept = self._kept()
        fresh = "\n".join([_new_key(), *kept]) + "\n"
        beside = self._file.with_suffix(".new")
        try:
            _write(beside, fresh)
            os.replace(beside, self._file)
        except OSError as error:
            raise self._unusable(error) from error
        self._ciphers = []

    def _all(self) -> list[Any]:
        if not self._ciphers:
            from cryptography.hazmat.primitives.ciphers.aead import AESGCM

            given = [self._given] if self._given else self._kept()
            where = "the setting `encryption_key`" if self._given else str(self._file)
            self._ciphers = [AESGCM(_key(text, where)) for text in given]
            self._ciphers += [
                AESGCM(_key(text, "the setting `previous_encryption_keys`")) for text in self._previous
            ]
        return self._ciphers

    def _kept(self) -> list[str]:
        """The keys in the data folder, the newest first; one is made when there is none."""
        try:
            try:
                return self._file.read_text().split() or [""]
            except FileNotFoundError:
                text = _new_key()
                _write(self._file, f"{text}\n")
                return [text]
        except OSError as error:
            raise self._unusable(error) from error

    def _unusable(self, error: OSError) -> OperatorError:
        return OperatorError(
            f"The encryption key cannot be read or written: {error.strerror}", where=str(self._file)
        )


def _new_key() -> str:
    return base64.b64encode(os.urandom(KEY_BYTES)).decode()


def _write(path: Path, text: str) -> None:
    """A new file that only its owner reads, surely on the disk."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _key(text: str, where: str) -> bytes:
    try:
        key = base64.b64decode(text, validate=True)
    except ValueError:
        key = b""
    if len(key) not in (16, 24, 32):
        raise OperatorError(
            "The encryption key is not 16, 24 or 32 bytes in base64",
            where=where,
            mend="make one with `openssl rand -base64 32`",
        )
    return key
