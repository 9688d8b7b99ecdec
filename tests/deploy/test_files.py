"""What `deploy/` promises, read from its files: no engine is needed."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from batuta.settings.sources import settings
from tests.docs.documents import ROOT

DEPLOY = ROOT / "deploy"
PAGE = (ROOT / "docs" / "howto" / "deploy.md").read_text()
COMPOSE_FILES = sorted(DEPLOY.glob("docker-compose*.yml"))
VARIABLE = re.compile(r"(?<!\$)\$\{(\w+)(?::([-?])([^}]*))?\}")


def compose(name: str = "docker-compose.yml") -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((DEPLOY / name).read_text())
    return document


def instructions() -> list[tuple[str, str]]:
    """The instructions of the Dockerfile, in order, each on one line."""
    text = re.sub(r"^#.*\n", "", (DEPLOY / "Dockerfile").read_text(), flags=re.MULTILINE)
    lines = re.sub(r"\\\n\s*", " ", text).splitlines()
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in lines) if word]


def last_stage() -> list[tuple[str, str]]:
    found = instructions()
    starts = [at for at, (word, _) in enumerate(found) if word == "FROM"]
    return found[starts[-1] :]


def of(word: str) -> list[str]:
    return [rest for each, rest in last_stage() if each == word]


def test_the_course_finds_its_services_under_their_names_and_ports():
    services = compose()["services"]

    assert set(services) == {"batuta", "pgdatabase", "pgadmin"}
    database = services["pgdatabase"]
    assert database["environment"] == {
        "POSTGRES_USER": "root",
        "POSTGRES_PASSWORD": "${POSTGRES_PASSWORD:-root}",
        "POSTGRES_DB": "ny_taxi",
    }
    assert {
        name: [str(port).rsplit(":", 1)[1] for port in each["ports"]] for name, each in services.items()
    } == {
        "batuta": ["8080"],
        "pgdatabase": ["5432"],
        "pgadmin": ["80"],
    }
    assert "host.docker.internal:host-gateway" in services["batuta"]["extra_hosts"]


def test_ports_are_open_to_this_machine_only_unless_told_otherwise():
    for service in compose()["services"].values():
        for port in service["ports"]:
            plain = VARIABLE.sub(lambda match: match[3] or "", port)
            assert re.fullmatch(r"127\.0\.0\.1:\d+:\d+", plain), port


def test_what_is_kept_is_in_volumes_that_are_declared():
    document = compose()

    used = {
        volume.split(":")[0] for service in document["services"].values() for volume in service["volumes"]
    }
    assert used == set(document["volumes"])
    assert document["services"]["batuta"]["volumes"] == ["batuta_data:/var/lib/batuta"]
    assert of("VOLUME") == ["/var/lib/batuta"]


def test_a_service_starts_after_what_it_needs_is_healthy():
    services = compose()["services"]

    for service in services.values():
        for needed, how in service.get("depends_on", {}).items():
            assert how["condition"] == "service_healthy"
            assert "healthcheck" in services[needed]


def test_the_socket_of_the_engine_is_only_in_the_file_for_it():
    for path in COMPOSE_FILES:
        assert ("docker.sock" in path.read_text()) == (path.name == "docker-compose.containers.yml")
    assert set(compose("docker-compose.containers.yml")["services"]) == {"batuta"}


@pytest.mark.parametrize("path", COMPOSE_FILES, ids=lambda path: path.name)
def test_every_variable_is_on_the_page_with_its_default(path):
    rows = {
        name: row
        for row in PAGE.splitlines()
        if row.startswith("| `")
        for name in re.findall(r"`(\w+)`", row.split("|")[1])
    }

    for name, how, default in VARIABLE.findall(path.read_text()):
        assert name in rows, f"{name} is not in the table of docs/howto/deploy.md"
        if how == "-":
            assert f"`{default}`" in rows[name]


def test_variables_of_batuta_are_settings_and_no_others_look_like_them():
    given = compose()["services"]["batuta"]["environment"]
    values = {name: VARIABLE.sub(lambda match: match[3], value) for name, value in given.items()}

    read = settings(values)

    assert (read.url, read.worker_slots) == ("http://localhost:8080", 16)
    named = {name for path in COMPOSE_FILES for name, *_ in VARIABLE.findall(path.read_text())}
    assert {name for name in named if name.startswith("BATUTA_")} <= set(given)


def test_the_image_runs_as_an_ordinary_user_and_tells_its_health():
    assert of("USER") == ["10001:10001"]
    (check,) = of("HEALTHCHECK")
    assert "http://127.0.0.1:8080/health" in check
    assert of("EXPOSE") == ["8080"]
    order = [word for word, _ in last_stage()]
    assert "RUN" not in order[order.index("USER") :]


def test_the_image_starts_the_server_and_keeps_no_tools_of_the_build():
    assert of("ENTRYPOINT") == ['["tini", "--", "batuta"]']
    assert of("CMD") == ['["server", "local"]']
    assert of("COPY") == ["--from=build /opt/batuta /opt/batuta"]
    given = dict(pair.split("=", 1) for pair in of("ENV")[0].split())
    read = settings({name: value for name, value in given.items() if name.startswith("BATUTA_")})
    assert (str(read.data_dir), read.host) == ("/var/lib/batuta", "0.0.0.0")


def test_what_is_copied_exists_and_reaches_the_engine():
    let_through = re.findall(r"^!(\S+)", (ROOT / ".dockerignore").read_text(), re.MULTILINE)

    for word, rest in instructions():
        if word == "COPY" and not rest.startswith("--from"):
            for source in rest.split()[:-1]:
                assert (ROOT / source).exists()
                assert any(each == source or each.startswith(f"{source}/") for each in let_through), source
