"""Encryption of values that are kept and must not be read: those of type SECRET (stores spec §A14)."""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import Any

from batuta.errors import OperatorError
from batuta.model.sealed import TYPE

KEY_BYTES = 32
NONCE_BYTES = 12
KEY_FILE = "encryption.key"


class Cipher:
    """AES-GCM with one key, which is read or made when the first value needs it."""

    def __init__(self, key: str | None, folder: Path) -> None:
        self._given = key
        self._file = folder / KEY_FILE
        self._aead: Any = None

    def encrypt(self, text: str) -> dict[str, str]:
        """A value that only this key makes readable."""
        nonce = os.urandom(NONCE_BYTES)
        sealed = self._cipher().encrypt(nonce, text.encode(), None)
        return {"type": TYPE, "value": base64.b64encode(nonce + sealed).decode()}

    def decrypt(self, value: dict[str, Any]) -> str:
        """The text inside.

        Raises:
            OperatorError: it was encrypted with another key.
        """
        from cryptography.exceptions import InvalidTag

        try:
            sealed = base64.b64decode(value["value"], validate=True)
            opened: bytes = self._cipher().decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], None)
            return opened.decode()
        except (InvalidTag, ValueError):
            raise OperatorError(
                "A secret value was encrypted with another key",
                mend=f"give back the key that was in use then: `encryption_key`, or the file {self._file}",
            ) from None

    def _cipher(self) -> Any:
        if self._aead is None:
            from cryptography.hazmat.primitives.ciphers.aead import AESGCM

            self._aead = AESGCM(self._key())
        return self._aead

    def _key(self) -> bytes:
        try:
            text = self._given or self._kept()
        except OSError as error:
            raise OperatorError(
                f"The encryption key cannot be read or written: {error.strerror}", where=str(self._file)
            ) from error
        try:
            key = base64.b64decode(text, validate=True)
        except ValueError:
            key = b""
        if len(key) not in (16, 24, 32):
            raise OperatorError(
                "The encryption key is not 16, 24 or 32 bytes in base64",
                where="the setting `encryption_key`" if self._given else str(self._file),
                mend="make one with `openssl rand -base64 32`",
            )
        return key

    def _kept(self) -> str:
        """The key in the data folder, made there when there is none; readable by its owner only."""
        try:
            return self._file.read_text().strip()
        except FileNotFoundError:
            text = base64.b64encode(os.urandom(KEY_BYTES)).decode()
            descriptor = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(text)
            return text
