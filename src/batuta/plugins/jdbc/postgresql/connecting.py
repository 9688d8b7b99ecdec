"""From properties and a JDBC address to the options of libpq (plugins spec C1.1)."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from batuta.plugins.jdbc.url import JdbcUrl, is_on

PORT = 5432
CONNECT_SECONDS = 10
"""The JDBC driver's own patience."""


class SslMode(StrEnum):
    """How much of the server's certificate is checked."""

    DISABLE = "DISABLE"
    ALLOW = "ALLOW"
    PREFER = "PREFER"
    REQUIRE = "REQUIRE"
    VERIFY_CA = "VERIFY_CA"
    VERIFY_FULL = "VERIFY_FULL"


Ssl = Annotated[bool | None, Meta(description="Encrypt, and check the server's certificate.")]
Mode = Annotated[SslMode | None, Meta(description="How much of the server's certificate is checked.")]
RootCert = Annotated[str | None, Meta(description="Certificates to trust, PEM.")]
Cert = Annotated[str | None, Meta(description="Certificate to log in with, PEM.")]
Key = Annotated[str | None, Meta(description="Key of the certificate, PEM.")]
KeyPassword = Annotated[str | None, Meta(description="Password of the key.")]


class Security(msgspec.Struct, frozen=True, kw_only=True):
    """The properties about encryption."""

    ssl: bool = False
    mode: SslMode | None = None
    root_cert: str | None = None
    cert: str | None = None
    key: str | None = None
    key_password: str | None = None


class Access(msgspec.Struct, frozen=True):
    """How to reach a server."""

    options: dict[str, Any]
    """For libpq."""
    place: str
    """The address as shown in errors."""
    search_path: str | None = None
    unknown: tuple[str, ...] = ()
    """Parameters of the address that are passed over."""


def access(
    url: JdbcUrl, security: Security, *, username: str | None, password: str | None, folder: Path
) -> Access:
    """What libpq has to know. Certificates are written into the folder."""
    hosts = url.hosts or (("localhost", None),)
    options: dict[str, Any] = {
        "host": ",".join(host for host, _ in hosts),
        "port": ",".join(str(port or PORT) for _, port in hosts),
        "connect_timeout": CONNECT_SECONDS,
        "application_name": "batuta",
    }
    unknown = []
    for name, value in url.parameters.items():
        option = _PARAMETERS.get(name)
        if option is not None:
            options[option[0]] = option[1](value)
        elif name not in _ELSEWHERE:
            unknown.append(name)
    user = username or url.username or url.parameters.get("user")
    secret = password if password is not None else url.password or url.parameters.get("password")
    options |= {"user": user} if user else {}
    options |= {"password": secret} if secret is not None else {}
    options["dbname"] = url.database or user or "postgres"
    if is_on(url.parameters.get("readonly")):
        options["options"] = f"{options.get('options', '')} -c default_transaction_read_only=on".strip()
    options |= _encryption(
        options, security, wanted=security.ssl or is_on(url.parameters.get("ssl")), folder=folder
    )
    place = ",".join(_shown(host, port or PORT) for host, port in hosts)
    return Access(
        options,
        f"{place}/{options['dbname']}",
        search_path=url.parameters.get("currentschema"),
        unknown=tuple(unknown),
    )


def _shown(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _encryption(options: dict[str, Any], security: Security, *, wanted: bool, folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if security.mode is not None:
        found["sslmode"] = security.mode.value.lower().replace("_", "-")
    elif wanted and "sslmode" not in options:
        found["sslmode"] = "verify-full"
    for option, content in (
        ("sslrootcert", security.root_cert),
        ("sslcert", security.cert),
        ("sslkey", security.key),
    ):
        if content:
            path = folder / f".{option}.pem"
            path.touch(mode=0o600)
            path.write_text(content.strip() + "\n")
            found[option] = str(path)
    if security.key_password:
        found["sslpassword"] = security.key_password
    mode = found.get("sslmode") or options.get("sslmode") or ""
    if mode.startswith("verify") and "sslrootcert" not in found | options:
        # The library comes with an OpenSSL of its own that does not know where this machine keeps them.
        found["sslrootcert"] = ssl.get_default_verify_paths().cafile or "system"
    return found


def _seconds(value: str) -> int:
    """libpq takes whole seconds, of which one is too few."""
    try:
        return 0 if float(value) <= 0 else max(2, round(float(value)))
    except ValueError:
        return CONNECT_SECONDS


def _millis(value: str) -> int:
    try:
        return max(0, round(float(value) * 1000))
    except ValueError:
        return 0


def _switch(value: str) -> int:
    return int(is_on(value))


def _server_kind(value: str) -> str:
    kinds = {
        "primary": "primary",
        "master": "primary",
        "secondary": "standby",
        "slave": "standby",
        "prefersecondary": "prefer-standby",
        "preferslave": "prefer-standby",
        "preferprimary": "any",
    }
    return kinds.get(value.lower(), "any")


_PARAMETERS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "applicationname": ("application_name", str),
    "channelbinding": ("channel_binding", str.lower),
    "connecttimeout": ("connect_timeout", _seconds),
    "gssencmode": ("gssencmode", str.lower),
    "loadbalancehosts": ("load_balance_hosts", lambda value: "random" if is_on(value) else "disable"),
    "logintimeout": ("connect_timeout", _seconds),
    "options": ("options", str),
    # A network that is gone is noticed; how long a statement may take is for `timeout` of the task.
    "sockettimeout": ("tcp_user_timeout", _millis),
    "sslcert": ("sslcert", str),
    "sslkey": ("sslkey", str),
    "sslmode": ("sslmode", lambda value: value.lower().replace("_", "-")),
    "sslpassword": ("sslpassword", str),
    "sslrootcert": ("sslrootcert", str),
    "targetservertype": ("target_session_attrs", _server_kind),
    "tcpkeepalive": ("keepalives", _switch),
}
"""Parameters of the JDBC driver, in lower case, and what libpq calls them."""

_ELSEWHERE = frozenset({"currentschema", "password", "readonly", "ssl", "user"})
