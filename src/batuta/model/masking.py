"""Takes secret values out of text, also where they appear encoded (stores spec §A14)."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

MASK = "******"

LEAST_LENGTH = 3
"""A shorter value would mask half of every log and protect nothing."""


class Masker:
    """Knows the secret values of one task or process; values may be added at any time."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        self._values: set[str] = set()
        self._pattern: re.Pattern[str] | None = None
        self.add(*values)

    def add(self, *values: str) -> None:
        """Mask these values from now on."""
        new = {value for value in values if len(value.strip()) >= LEAST_LENGTH} - self._values
        if new:
            self._values |= new
            forms = {form for value in self._values for form in _forms(value)}
            # The longest first: a value may contain another one.
            self._pattern = re.compile(
                "|".join(map(re.escape, sorted(forms, key=lambda form: (-len(form), form))))
            )

    def mask(self, text: str) -> str:
        """The text with `******` in place of each secret value."""
        return text if self._pattern is None else self._pattern.sub(MASK, text)

    def holds(self, text: str) -> bool:
        """The text contains a secret value."""
        return self._pattern is not None and self._pattern.search(text) is not None

    def __bool__(self) -> bool:
        return self._pattern is not None


def _forms(value: str) -> set[str]:
    """How a value may be written: as it is, line by line, escaped in JSON, percent-encoded, in base64."""
    forms = {value, value.strip()}
    forms |= {line.strip() for line in value.splitlines() if len(line.strip()) > LEAST_LENGTH}
    for text in (value, value.strip()):
        octets = text.encode("utf-8", "surrogatepass")
        forms |= {json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]}
        forms |= {quote(octets), quote(octets, safe=""), quote_plus(octets)}
        for encoded in (base64.b64encode(octets), base64.urlsafe_b64encode(octets)):
            forms |= {encoded.decode(), encoded.decode().rstrip("=")}
    return {form for form in forms if len(form.strip()) >= LEAST_LENGTH}
