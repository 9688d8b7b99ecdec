"""Every example runs as its page says."""

from __future__ import annotations

import json
import os
import pty
import re
import shlex
import signal
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.docs.tutorial_pages import Reader, reading
from tests.journeys.processes import ROOT, batuta, started
from tests.support.services.daemon import free_port as a_free_port
from tests.support.services.postgres import Database, postgres

EXAMPLES = ROOT / "examples"
GETTING_STARTED = EXAMPLES / "getting-started"


def run(name: str, *inputs: str, code: int = 0) -> dict[str, Any]:
    pairs = [part for pair in inputs for part in ("-i", pair)]
    done = batuta("run", EXAMPLES / name, *pairs, "-o", "json")
    assert done.returncode == code, done.stdout + done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def states(document: dict[str, Any]) -> dict[str, str]:
    return {run["taskId"]: run["state"] for run in document["taskRuns"]}


def test_every_folder_is_listed_and_has_a_page():
    listed = set(re.findall(r"\((\S+)/\)", (EXAMPLES / "README.md").read_text()))

    folders = {path.name for path in EXAMPLES.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert folders == listed
    assert all((EXAMPLES / name / "README.md").exists() for name in folders)


def test_hello_world_greets_as_often_as_it_is_asked_to():
    assert run("hello-world/hello-world.yaml")["outputs"] == {"greeting": "Hello, world!"}
    assert run("hello-world/hello-world.yaml", "name=Ada", "times=2")["outputs"] == {
        "greeting": "Hello, Ada! Hello, Ada!"
    }


def test_parallel_foreach_visits_every_region():
    done = run("parallel-foreach/parallel-foreach.yaml", 'regions=["north", "south"]')

    assert done["outputs"] == {"visited": 2}
    assert Counter(each["taskId"] for each in done["taskRuns"])["visit"] == 2


def test_subflow_uses_what_the_other_flow_gives_back():
    assert run("subflow/shout-all.yaml", 'words=["more", "light"]')["outputs"] == {"shouted": "MORE! LIGHT!"}


def test_retry_gets_through_or_hands_over_to_errors():
    through = run("retry-and-errors/retry-and-errors.yaml")
    given_up = run("retry-and-errors/retry-and-errors.yaml", "failures=9", code=1)

    assert states(through) == {"fetch": "SUCCESS", "use": "SUCCESS", "clean_up": "SUCCESS"}
    assert states(given_up) == {"fetch": "FAILED", "tell": "SUCCESS", "clean_up": "SUCCESS"}
    assert through["taskRuns"][0]["attempts"] == given_up["taskRuns"][0]["attempts"] == 3


def test_working_directory_shares_files_between_tasks():
    outputs = run("working-directory/working-directory.yaml")["outputs"]

    assert outputs["most_common"] == "a"
    assert outputs["counts"].endswith("counts.json")


def test_getting_started_runs_without_a_server_too():
    command = [sys.executable, GETTING_STARTED / "serve_data.py"]
    with started(*command) as data:
        source = data.wait_for("http://").split()[0]

        done = run("getting-started/getting-started.yaml", f"source={source}")
        data.send(signal.SIGINT)
        ended = data.end()

    assert ended == 0
    assert states(done) == {"download": "SUCCESS", "transform": "SUCCESS", "average": "SUCCESS"}
    assert done["taskRuns"][2]["outputs"]["outputs"][0]["size"] == 5


@pytest.fixture
def free_port() -> int:
    return a_free_port()


def test_make_run_shows_the_result_serves_on_and_ends_with_ctrl_c(tmp_path: Path, free_port: int):
    command = [
        sys.executable,
        GETTING_STARTED / "pipeline.py",
        "--port",
        str(free_port),
        "--data",
        tmp_path / "data",
    ]
    with started(*command) as program:
        program.wait_for("ROASTERY")
        program.wait_for("Batuta is ready")
        again = program.wait_for("execution create")
        listed = batuta("execution", "list", BATUTA_SERVER=f"http://127.0.0.1:{free_port}").stdout

        taken = batuta_pipeline(free_port, tmp_path / "other")
        program.send(signal.SIGINT)
        code = program.end()

    assert code == 0
    assert re.search(r"^Dockside +9 +50 +17\.06$", program.text, re.MULTILINE)
    assert "getting-started" in listed
    assert again.endswith(f"--follow --server http://localhost:{free_port}\n")
    assert "Traceback" not in program.text
    assert taken.startswith(f"port {free_port} on 127.0.0.1 is in use by another program; ")
    assert taken.endswith(f"take another one with `make run PORT={free_port + 1}`\n")


@pytest.fixture(scope="module")
def postgres_server():
    with postgres() as server:
        yield server


@pytest.fixture
def database(postgres_server) -> Database:
    return postgres_server.create()


@contextmanager
def following(page: str, folder: Path, instead: dict[str, str]) -> Iterator[Reader]:
    """Somebody who has followed the page of an example in the repository, with everything still running."""
    port = a_free_port()
    programs = folder / "bin"
    programs.mkdir()
    here = {"BATUTA_PORT": str(port), "BATUTA_SERVER": f"http://localhost:{port}"}
    instead = instead | {"localhost:8080": f"localhost:{port}"}
    with reading(ROOT, programs, instead, BATUTA_DATA_DIR=str(folder / "data"), **here) as reader:
        reader.follow(EXAMPLES / page / "README.md")
        yield reader


def beside(database: Database) -> dict[str, str]:
    """What stands on the pages for the database and for the files, and where both are here."""
    files = a_free_port()
    inputs = f"-i source=http://localhost:{files} -i database={database.url}"
    return {
        "http.server 8000": f"http.server {files}",
        "port 8000 (http://127.0.0.1:8000/)": f"port {files} (http://127.0.0.1:{files}/)",
        "printf root": f"printf %s {shlex.quote(database.server.password)}",
        " --follow": f" {inputs} --follow",
        "--label backfill:true": f"--label backfill:true {inputs}",
    }


def rides_by_file(database: Database) -> dict[str, int]:
    return dict(database.rows("SELECT file, count(*) FROM rides GROUP BY 1 ORDER BY 1"))


def test_csv_to_postgresql_loads_each_ride_once(tmp_path: Path, database: Database):
    with following("csv-to-postgresql", tmp_path, beside(database)) as reader:
        ended = reader.api("executions/search", flowId="csv-to-postgresql")["results"]
        kept = [path for path in (tmp_path / "data").rglob("*") if path.is_file() and "rides" in path.name]

    assert rides_by_file(database) == {"rides_2025-01.csv": 34, "rides_2025-02.csv": 33}
    assert [each["state"]["current"] for each in ended] == ["SUCCESS"] * 3
    assert {"key": "file", "value": "rides_2025-02.csv"} in ended[0]["labels"]
    assert kept == []
    assert database.value("SELECT count(*) FROM rides WHERE kilometres IS NULL") > 0


def test_monthly_to_postgresql_loads_half_a_year_in_order(tmp_path: Path, database: Database):
    with following("monthly-to-postgresql", tmp_path, beside(database)) as reader:
        ended = reader.api("executions/search", flowId="monthly-to-postgresql")["results"]

    months = [f"2025-{month:02}" for month in range(1, 7)]
    in_order = sorted(ended, key=lambda each: each["state"]["startDate"])
    assert [each["trigger"]["variables"]["date"][:7] for each in in_order] == months
    assert all({"key": "backfill", "value": "true"} in each["labels"] for each in ended)
    for earlier, later in pairwise(in_order):
        running = next(entry["date"] for entry in later["state"]["histories"] if entry["state"] == "RUNNING")
        assert running >= earlier["state"]["endDate"]
    assert list(rides_by_file(database)) == [f"rides_{month}.csv" for month in months]
    assert sum(rides_by_file(database).values()) == 206


def test_hourly_api_tells_the_channel_each_hour(tmp_path: Path):
    station = "python examples/hourly-api/station.py"
    port = a_free_port()
    instead = {
        "localhost:8010": f"localhost:{port}",
        "station.py": f"station.py --port {port}",
        " --follow": f" -i station=http://localhost:{port}/weather --follow",
    }
    flow = tmp_path / "hourly-api.yaml"
    flow.write_text(
        (EXAMPLES / "hourly-api" / "hourly-api.yaml").read_text().replace("    disabled: true", "    #")
    )

    with following("hourly-api", tmp_path, instead) as reader:
        first = reader.heard(station, "Weather says")
        reader.run(f"batuta flow update {flow}")
        hours = "--start 2025-01-01T00:30:00Z --end 2025-01-01T03:30:00Z"
        given = f"-i station=http://localhost:{port}/weather"
        reader.run(f"batuta backfill create examples hourly-api hourly {hours} {given}")
        each_hour = [reader.heard(station, "Weather says") for _ in range(3)]

    assert re.fullmatch(r"Weather says: \d+\.\d degrees at Harbour\n", first)
    assert len(each_hour) == 3
    assert all("degrees at Harbour" in line for line in each_hour)


def batuta_pipeline(port: int, data: Path) -> str:
    with started(
        sys.executable, GETTING_STARTED / "pipeline.py", "--port", str(port), "--data", data
    ) as program:
        assert program.end() == 1
        return program.text


def test_a_terminal_gets_a_tree():
    command = f"{sys.executable} -m batuta run {EXAMPLES}/hello-world/hello-world.yaml"
    screen = b""

    def read(terminal: int) -> bytes:
        nonlocal screen
        chunk = os.read(terminal, 4096)
        screen += chunk
        return chunk

    with Path(os.devnull).open("wb") as nowhere, redirected(1, nowhere.fileno()):
        code = pty.spawn(["env", "PYTHONUTF8=1", "TERM=xterm", *command.split()], read)

    assert os.waitstatus_to_exitcode(code) == 0
    shown = re.sub(r"\x1b\[[?0-9;]*[a-zA-Z]", "", screen.decode())
    assert "✔ examples.hello-world  SUCCESS" in shown
    assert "  ✔ greet" in shown


@contextmanager
def redirected(descriptor: int, target: int) -> Iterator[None]:
    """`pty.spawn` copies what it reads to the standard output; that goes elsewhere meanwhile."""
    kept = os.dup(descriptor)
    os.dup2(target, descriptor)
    try:
        yield
    finally:
        os.dup2(kept, descriptor)
        os.close(kept)
