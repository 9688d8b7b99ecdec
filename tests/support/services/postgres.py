"""PostgreSQL as Debian has it, for tests: nothing reaches the disk for good, which makes it quick."""

from __future__ import annotations

import itertools
import os
import pwd
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import psycopg
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from tests.support.services.daemon import Daemon, Folder, free_port, run_as, user_for

PASSWORD = "t0p secret/%"
"""With what an address must escape."""
_QUICK = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "shared_buffers": "64MB",
    "max_wal_size": "2GB",
    "autovacuum": "off",
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "timezone": "UTC",
    "lc_messages": "C",
    "ssl": "on",
}


def programs() -> Path:
    """The newest PostgreSQL of the machine."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4]))
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        if not found and (Path(folder) / "initdb").exists():
            return Path(folder)
    assert found, "the tests need PostgreSQL: install it, on Debian with `apt-get install postgresql`"
    return found[-1].parent


def self_signed(host: str, folder: Path, user: pwd.struct_passwd | None) -> str:
    """A certificate for an address, signed by itself, where the server looks for one; PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tests")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    address = x509.SubjectAlternativeName([x509.IPAddress(ip_address(host))])
    certificate = builder.add_extension(address, critical=False).sign(key, hashes.SHA256())
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public = certificate.public_bytes(Encoding.PEM)
    for file, content in (("server.key", private), ("server.crt", public)):
        path = folder / file
        path.write_bytes(content)
        path.chmod(0o600)
        if user is not None:
            os.chown(path, user.pw_uid, user.pw_gid)
    return public.decode()


class Postgres:
    """A running server."""

    host = "127.0.0.1"
    username = "root"
    password = PASSWORD

    def __init__(self) -> None:
        self._user = user_for("postgres")
        self._folder = Folder(self._user)
        self._numbers = itertools.count(1)
        self.data = self._folder.path / "data"
        secret = self._folder.path / "password"
        secret.write_text(PASSWORD)
        secret.chmod(0o644)
        login = [f"--username={self.username}", f"--pwfile={secret}", "--auth=scram-sha-256"]
        cluster = ["--no-sync", "--encoding=UTF8", "--locale=C.UTF-8", "-D", self.data]
        run_as(self._user, [programs() / "initdb", *login, *cluster])
        self.certificate = self_signed(self.host, self.data, self._user)
        self.port = free_port()
        self.daemon = self._start()

    def _start(self) -> Daemon:
        settings = [word for name, value in _QUICK.items() for word in ("-c", f"{name}={value}")]
        command = [programs() / "postgres", "-D", self.data, "-p", self.port, *settings]
        return Daemon(command, user=self._user, ready="ready to accept connections")

    def restart(self) -> None:
        """Cut all connections at once, and begin anew."""
        self.daemon.stop(signal.SIGQUIT)
        self.daemon = self._start()

    def stop(self) -> None:
        """End it, and remove what it wrote."""
        self.daemon.stop(signal.SIGINT)
        self._folder.remove()

    def create(self) -> Database:
        """A fresh database."""
        name = f"test_{next(self._numbers)}"
        with self.connect("postgres") as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return Database(self, name)

    def runs(self, query: str) -> bool:
        """A query gives a row now."""
        with self.connect("postgres") as connection:
            return connection.execute(query).fetchone() is not None

    def connect(self, database: str) -> psycopg.Connection[Any]:
        """A connection of the test's own."""
        return psycopg.connect(
            host=self.host,
            port=self.port,
            user=self.username,
            password=self.password,
            dbname=database,
            autocommit=True,
        )


class Database:
    """A database of a test."""

    def __init__(self, server: Postgres, name: str) -> None:
        self.server = server
        self.name = name

    @property
    def url(self) -> str:
        """Its address in JDBC's form."""
        return f"jdbc:postgresql://{self.server.host}:{self.server.port}/{self.name}"

    @property
    def login(self) -> dict[str, str]:
        """The properties by which a task reaches it."""
        return {"url": self.url, "username": self.server.username, "password": self.server.password}

    def run(self, *statements: str) -> None:
        """Run statements."""
        with self.server.connect(self.name) as connection:
            for statement in statements:
                connection.execute(statement)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        with self.server.connect(self.name) as connection:
            return connection.execute(query).fetchall()

    def value(self, query: str) -> Any:
        """The only value of a query."""
        ((value,),) = self.rows(query)
        return value


@contextmanager
def postgres() -> Iterator[Postgres]:
    """A server, for as long as the block lasts."""
    server = Postgres()
    try:
        yield server
    finally:
        server.stop()
