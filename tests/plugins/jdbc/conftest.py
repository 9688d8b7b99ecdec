"""Real servers, one of each kind per process of the tests, and a fresh database per test."""

import pytest

from tests.support.services.mariadb import mariadb
from tests.support.services.postgres import postgres


@pytest.fixture(scope="session")
def postgres_server():
    with postgres() as server:
        yield server


@pytest.fixture
def database(postgres_server):
    return postgres_server.create()


@pytest.fixture(scope="session")
def mariadb_server():
    with mariadb() as server:
        yield server
