"""One database server and one file server for all tests of the course; a Batuta per module."""

import pytest

from tests.course.world import Course, downloads
from tests.journeys.processes import serving
from tests.support.services.postgres import postgres


@pytest.fixture(scope="session")
def postgres_server():
    with postgres() as server:
        yield server


@pytest.fixture(scope="session")
def files():
    with downloads() as address:
        yield address


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return tmp_path_factory.mktemp("course") / "data"


@pytest.fixture(scope="module")
def batuta_server(data):
    with serving(data) as server:
        yield server


@pytest.fixture
def course(batuta_server, data, files, postgres_server):
    return Course(batuta_server, data, files, postgres_server.create())
