"""JDBC addresses, and what libpq has to know of them (plugins spec C1.1)."""

from __future__ import annotations

import pytest

from batuta.errors import TaskError
from batuta.plugins.jdbc.postgresql.connecting import Security, SslMode, access
from batuta.plugins.jdbc.url import JdbcUrl, parse

SCHEME = "jdbc:postgresql:"


@pytest.mark.parametrize(
    ("address", "parts"),
    [
        ("//db:5432/taxi", {"hosts": (("db", 5432),), "database": "taxi"}),
        ("//db/taxi", {"hosts": (("db", None),), "database": "taxi"}),
        ("//db:5432/", {"hosts": (("db", 5432),)}),
        ("//db", {"hosts": (("db", None),)}),
        ("taxi", {"database": "taxi"}),
        ("/taxi", {"database": "taxi"}),
        ("/", {}),
        ("//a:1,b:2,c/taxi", {"hosts": (("a", 1), ("b", 2), ("c", None)), "database": "taxi"}),
        ("//[::1]:5433,[fe80::2]/taxi", {"hosts": (("::1", 5433), ("fe80::2", None)), "database": "taxi"}),
        ("//db/my%20taxi", {"hosts": (("db", None),), "database": "my taxi"}),
        (
            "//me:p%40ss@db/taxi",
            {"hosts": (("db", None),), "database": "taxi", "username": "me", "password": "p@ss"},
        ),
        (
            "//db/taxi?user=me&password=a%26b+c&currentSchema=x,public&ssl",
            {
                "hosts": (("db", None),),
                "database": "taxi",
                "parameters": {"user": "me", "password": "a&b+c", "currentschema": "x,public", "ssl": ""},
            },
        ),
    ],
)
def test_an_address_is_taken_apart(address, parts):
    assert parse(address, SCHEME) == JdbcUrl(**parts)


@pytest.mark.parametrize("address", ["//db:port/x", "//db:0/x", "//db:99999/x", "//::1/x", "//[::1/x"])
def test_an_address_that_is_none(address):
    with pytest.raises(TaskError, match="url: "):
        parse(address, SCHEME)


def options(address, tmp_path, security=None, **login):
    login = {"username": None, "password": None, **login}
    return access(parse(address, SCHEME), security or Security(), folder=tmp_path, **login)


def test_parameters_have_other_names_in_libpq(tmp_path):
    found = options(
        "//a,b:6000/taxi?ApplicationName=x&connectTimeout=3&socketTimeout=20&sslmode=require&tcpKeepAlive=true"
        "&targetServerType=preferSecondary&loadBalanceHosts=true&currentSchema=s&readOnly=true&binaryTransfer=false",
        tmp_path,
        username="me",
        password="",
    )

    assert found.options == {
        "host": "a,b",
        "port": "5432,6000",
        "dbname": "taxi",
        "user": "me",
        "password": "",
        "application_name": "x",
        "connect_timeout": 3,
        "tcp_user_timeout": 20_000,
        "sslmode": "require",
        "keepalives": 1,
        "target_session_attrs": "prefer-standby",
        "load_balance_hosts": "random",
        "options": "-c default_transaction_read_only=on",
    }
    assert found.search_path == "s"
    assert found.unknown == ("binarytransfer",)
    assert found.place == "a:5432,b:6000/taxi"


def test_properties_win_over_the_address(tmp_path):
    found = options("//db/taxi?user=other&password=x", tmp_path, username="me", password="y").options

    assert (found["user"], found["password"]) == ("me", "y")


def test_without_a_database_it_is_that_of_the_user(tmp_path):
    assert options("//db/", tmp_path, username="me").options["dbname"] == "me"


def test_encryption_by_a_switch_checks_the_certificate(tmp_path):
    for found in (options("//db/x?ssl=true", tmp_path), options("//db/x", tmp_path, Security(ssl=True))):
        assert found.options["sslmode"] == "verify-full"
        assert found.options["sslrootcert"]
    assert "sslmode" not in options("//db/x?ssl=false", tmp_path).options


def test_certificates_are_files_that_only_we_can_read(tmp_path):
    security = Security(mode=SslMode.VERIFY_CA, root_cert="ROOT", cert="CERT", key="KEY", key_password="p")

    found = options("//db/x", tmp_path, security).options

    assert found["sslmode"] == "verify-ca"
    assert found["sslpassword"] == "p"
    for option, content in (("sslrootcert", "ROOT\n"), ("sslcert", "CERT\n"), ("sslkey", "KEY\n")):
        path = tmp_path / f".{option}.pem"
        assert found[option] == str(path)
        assert path.read_text() == content
        assert path.stat().st_mode & 0o077 == 0
