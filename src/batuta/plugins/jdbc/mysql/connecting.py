"""From properties and a JDBC address to what the MySQL library takes (plugins spec C1.1)."""

from __future__ import annotations

import ssl
from typing import Any

import msgspec

from batuta.plugins.jdbc.url import JdbcUrl, is_on

PORT = 3306
CONNECT_SECONDS = 10
_KINDS = ("loadbalance:", "replication:", "sequential:")
"""Prefixes by which the JDBC drivers choose among hosts; we try one after the other."""
_LOGIN = ("user", "password", "sessionvariables")
_ENCRYPTION = ("requiressl", "sslmode", "usessl", "verifyservercertificate")
_WAITING = ("connecttimeout", "sockettimeout")
_VALUES = ("characterencoding", "connectiontimezone", "servertimezone", "tinyint1isbit", "useunicode")
_STATEMENTS = ("allowloadlocalinfile", "allowlocalinfile", "allowmultiqueries", "usecursorfetch")
_KNOWN = frozenset(_LOGIN + _ENCRYPTION + _WAITING + _VALUES + _STATEMENTS)
"""Parameters, in lower case, that have an effect or need none here."""


class Access(msgspec.Struct, frozen=True, kw_only=True):
    """How to reach a server."""

    options: dict[str, Any]
    """For the library, less the host."""
    hosts: tuple[tuple[str, int], ...]
    place: str
    """The address as shown in errors."""
    encryption: str
    """DISABLED, PREFERRED, REQUIRED, VERIFY_CA or VERIFY_IDENTITY."""
    tiny_is_bool: bool
    unknown: tuple[str, ...] = ()
    """Parameters of the address that are passed over."""


def without_kind(address: str) -> str:
    """The address without the word that says how to choose among hosts."""
    kind = next((each for each in _KINDS if address.startswith(each)), "")
    return address.removeprefix(kind)


def access(url: JdbcUrl, *, username: str | None, password: str | None, local_files: bool) -> Access:
    """What the library has to know."""
    parameters = url.parameters
    hosts = tuple((host, port or PORT) for host, port in url.hosts) or (("localhost", PORT),)
    user = username or url.username or parameters.get("user")
    secret = password if password is not None else url.password or parameters.get("password")
    mode = encryption(parameters)
    local = local_files or is_on(parameters.get("allowloadlocalinfile") or parameters.get("allowlocalinfile"))
    options: dict[str, Any] = {
        "user": user,
        "password": secret or "",
        "database": url.database,
        "connect_timeout": _seconds(parameters.get("connecttimeout")) or CONNECT_SECONDS,
        "read_timeout": _seconds(parameters.get("sockettimeout")),
        "write_timeout": _seconds(parameters.get("sockettimeout")),
        "charset": "utf8mb4",
        "autocommit": True,
        "local_infile": local,
        # Instants come and go in one zone, whatever the server's is.
        "init_command": _first_command(parameters.get("sessionvariables")),
        "ssl": context(mode),
        "ssl_disabled": mode == "DISABLED",
        "program_name": "batuta",
    }
    shown = ",".join(f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in hosts)
    return Access(
        options=options,
        hosts=hosts,
        place=f"{shown}/{url.database or ''}",
        encryption=mode,
        tiny_is_bool=is_on(parameters.get("tinyint1isbit", "true")),
        unknown=tuple(name for name in parameters if name not in _KNOWN),
    )


def _first_command(variables: str | None) -> str:
    return "SET time_zone = '+00:00'" + (f", {variables}" if variables else "")


def encryption(parameters: dict[str, str]) -> str:
    """How much encryption the address asks for, in the words of `sslMode`."""
    written = parameters.get("sslmode", "").upper().replace("-", "_")
    older = {"DISABLE": "DISABLED", "TRUST": "REQUIRED", "VERIFY_FULL": "VERIFY_IDENTITY"}
    if written:
        return older.get(written, written)
    if "usessl" in parameters and not is_on(parameters["usessl"]):
        return "DISABLED"
    if is_on(parameters.get("verifyservercertificate")) and is_on(parameters.get("usessl")):
        return "VERIFY_CA"
    if is_on(parameters.get("requiressl")):
        return "REQUIRED"
    return "PREFERRED"


def context(mode: str) -> ssl.SSLContext | None:
    """How the server's certificate is looked at."""
    if mode == "DISABLED":
        return None
    found = ssl.create_default_context()
    found.check_hostname = mode == "VERIFY_IDENTITY"
    found.verify_mode = ssl.CERT_REQUIRED if mode.startswith("VERIFY") else ssl.CERT_NONE
    return found


def _seconds(millis: str | None) -> int | None:
    try:
        return max(1, round(float(millis or 0) / 1000)) if float(millis or 0) > 0 else None
    except ValueError:
        return None
