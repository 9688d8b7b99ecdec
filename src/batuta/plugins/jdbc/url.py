"""Addresses in JDBC's form, taken apart (plugins spec C1.1)."""

from __future__ import annotations

import re
from urllib.parse import unquote, unquote_plus

import msgspec

from batuta.errors import TaskError

_HOST = re.compile(r"(?:\[(?P<six>[^\]]*)\]|(?P<name>[^:\[\]]*))(?::(?P<port>\d*))?\Z")


class JdbcUrl(msgspec.Struct, frozen=True, kw_only=True):
    """The parts of an address."""

    hosts: tuple[tuple[str, int | None], ...] = ()
    """Names or numbers, IPv6 without brackets; a port that is not written is None."""
    database: str | None = None
    username: str | None = None
    password: str | None = None
    parameters: dict[str, str] = {}
    """Names are in lower case: drivers differ in how they write them."""


def parse(address: str, scheme: str) -> JdbcUrl:
    """Take apart what follows the scheme: `//host:1,[::1]:2/database?name=value`, `/database`, `database`.

    Raises:
        TaskError: a port is no number, or a host is not written as one.
    """
    place, _, query = address.strip().partition("?")
    if place.startswith("//"):
        authority, _, database = place[2:].partition("/")
    else:
        authority, database = "", place.lstrip("/")
    login, at, listed = authority.rpartition("@")
    username, colon, password = login.partition(":")
    return JdbcUrl(
        hosts=tuple(_host(each, scheme) for each in listed.split(",") if each),
        database=unquote(database) or None,
        username=unquote(username) if at else None,
        password=unquote(password) if colon else None,
        parameters=_parameters(query),
    )


def _host(text: str, scheme: str) -> tuple[str, int | None]:
    match = _HOST.match(text.strip())
    if match is None:
        raise TaskError(
            f"url: `{text}` is not a host and a port",
            mend=f"write it as in `{scheme}//db.example.com:5432/name`; an IPv6 address stands in brackets",
        )
    port = int(match["port"]) if match["port"] else None
    if port is not None and not 0 < port < 65_536:
        raise TaskError(f"url: {port} is not a port", mend="ports are numbers from 1 to 65535")
    return unquote(match["six"] or match["name"]) or "localhost", port


def _parameters(query: str) -> dict[str, str]:
    pairs = (each.partition("=") for each in re.split("[&;]", query) if each)
    return {unquote_plus(name).strip().lower(): unquote(value) for name, _, value in pairs}


def is_on(value: str | None) -> bool:
    """A parameter that switches something is written, and does not say no."""
    return value is not None and value.strip().lower() not in ("false", "0", "no", "off", "disable")
