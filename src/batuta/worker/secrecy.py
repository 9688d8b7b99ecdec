"""What an attempt knows of secrets: its log, metrics and outputs must not show them (stores spec §A14)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from batuta import expr
from batuta.errors import BatutaError
from batuta.model import sealed
from batuta.model.masking import MASK, Masker
from batuta.secrets.cipher import Cipher


class Secrecy:
    """The secrets that an attempt was given or has asked for; there may be more at any time."""

    def __init__(self, cipher: Cipher, given: Iterable[str] = ()) -> None:
        self._cipher = cipher
        self._seen: dict[str, None] = dict.fromkeys(text for text in given if text)
        self._masker = Masker(self._seen)

    @property
    def seen(self) -> tuple[str, ...]:
        """The secrets, in the clear."""
        return tuple(self._seen)

    def learn(self, facts: expr.Facts) -> None:
        """Keep the secrets among outside values from now on."""
        self.add(facts.secrets())

    def add(self, texts: Iterable[str]) -> None:
        """Keep these from now on."""
        new = [text for text in texts if text and text not in self._seen]
        if new:
            self._seen |= dict.fromkeys(new)
            self._masker.add(*new)

    def mask(self, text: str) -> str:
        """The text without secrets."""
        return self._masker.mask(text)

    def sealed(self, value: Any) -> Any:
        """The value with every text encrypted that holds a secret."""
        return sealed.sealed(value, self._masker.holds, self._encrypt) if self._masker else value

    def opened(self, value: Any) -> Any:
        """A value that was sealed, in the clear.

        Raises:
            OperatorError: it was encrypted with another key.
        """
        return sealed.opened(value, self._cipher.decrypt)

    def kept(self) -> tuple[str, ...]:
        """The secrets themselves, encrypted, for those who deal with the outputs."""
        return tuple(sealed.sealed_text(text, _always, self._encrypt) for text in self._seen)

    def _encrypt(self, text: str) -> Any:
        try:
            return self._cipher.encrypt(text)
        except BatutaError:
            # Without a key nothing can be kept; a lost output does less harm than one that everybody reads.
            return MASK


def _always(_: str) -> bool:
    return True
