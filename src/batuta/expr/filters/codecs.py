"""Filters that encode, decode and hash."""

from __future__ import annotations

import re
from typing import Any

from batuta.expr.catalogue import filter_
from batuta.expr.errors import EvaluationError
from batuta.expr.filters.text import need_text
from batuta.expr.printing import plain_text

_BASE64 = re.compile(r"[A-Za-z0-9+/]*={0,2}", re.ASCII)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "replace")


@filter_("base64encode")
def base64encode(value: Any) -> str:
    """The UTF-8 bytes of the text in base 64.

    {{ 'hello' | base64encode }} -> aGVsbG8=
    """
    from base64 import b64encode

    return b64encode(_bytes(plain_text(value))).decode()


@filter_("base64decode")
def base64decode(value: Any) -> str:
    """The text whose UTF-8 bytes are given in base 64.

    {{ 'aGVsbG8=' | base64decode }} -> hello
    """
    from base64 import b64decode

    text = plain_text(value)
    body = text.rstrip("=")
    valid = _BASE64.fullmatch(text) and len(body) % 4 != 1 and (text == body or len(text) % 4 == 0)
    if not valid:
        raise EvaluationError("The text is not base 64", seen=[value])
    return b64decode(body + "=" * (-len(body) % 4)).decode("utf-8", "replace")


@filter_("urlencode")
def urlencode(value: Any) -> str:
    """The text as a value in a form or a query.

    {{ 'a b&c' | urlencode }} -> a+b%26c
    """
    from urllib.parse import quote_plus

    return quote_plus(_bytes(need_text(value, "urlencode")), safe="*").replace("~", "%7E")


@filter_("urldecode")
def urldecode(value: Any) -> str:
    """The text of a value in a form or a query.

    {{ 'a%20b+c' | urldecode }} -> a b c
    """
    from urllib.parse import unquote_plus

    text = plain_text(value)
    if re.search(r"%(?![0-9A-Fa-f]{2})", text):
        raise EvaluationError("`%` must be followed by two hexadecimal digits", seen=[value])
    return unquote_plus(text)


def _hash(value: Any, name: str) -> str:
    import hashlib

    digest = hashlib.new(name, usedforsecurity=False)
    digest.update(_bytes(need_text(value, name)))
    return digest.hexdigest()


@filter_("md5")
def md5(value: Any) -> str:
    """The MD5 of the text, in hexadecimal digits.

    {{ 'hello' | md5 }} -> 5d41402abc4b2a76b9719d911017c592
    """
    return _hash(value, "md5")


@filter_("sha1")
def sha1(value: Any) -> str:
    """The SHA-1 of the text, in hexadecimal digits.

    {{ 'hello' | sha1 }} -> aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d
    """
    return _hash(value, "sha1")


@filter_("sha256")
def sha256(value: Any) -> str:
    """The SHA-256 of the text, in hexadecimal digits.

    {{ 'hello' | sha256 | slice(0, 8) }} -> 2cf24dba
    """
    return _hash(value, "sha256")


@filter_("sha512")
def sha512(value: Any) -> str:
    """The SHA-512 of the text, in hexadecimal digits.

    {{ 'abc' | sha512 | slice(0, 8) }} -> ddaf35a1
    """
    return _hash(value, "sha512")
