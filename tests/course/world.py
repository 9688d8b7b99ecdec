"""The outside world of the course's flows on this machine: a file server, a database, a running Batuta."""

from __future__ import annotations

import csv
import gzip
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.journeys.processes import PATIENCE_SECONDS, Server
from tests.support.services.postgres import Database

FOLDER = Path(__file__).parent
NAMESPACE = "zoomcamp"
YAML = {"content-type": "application/x-yaml"}
TRIPS = "https://github.com/DataTalksClub/nyc-tlc-data/releases/download"
PRODUCTS = "https://dummyjson.com/products"


class Downloads(SimpleHTTPRequestHandler):
    """`/green/green_tripdata_2019-01.csv.gz` and `/products`, from one flat folder."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, directory=str(FOLDER / "downloads"), **more)

    def translate_path(self, path: str) -> str:
        name = path.rpartition("/")[2]
        return super().translate_path("/products.json" if name == "products" else f"/{name}")

    def log_message(self, *arguments: Any) -> None:
        pass


@contextmanager
def downloads() -> Iterator[str]:
    """The address of a file server."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Downloads) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join(PATIENCE_SECONDS)


def source_of(name: str, files: str, database: Database) -> str:
    """A flow of the course, with this machine in place of the outside world."""
    text = (FOLDER / "flows" / f"{name}.yaml").read_text()
    login = f'username: root\n      password: "{database.server.password}"\n'
    for there, here in (
        (TRIPS, files),
        (PRODUCTS, f"{files}/products"),
        ("jdbc:postgresql://pgdatabase:5432/ny_taxi", database.url),
        ("jdbc:postgresql://host.docker.internal:5432/postgres-zoomcamp", database.url),
        ("username: root\n      password: root\n", login),
        ("username: kestra\n      password: k3str4\n", login),
    ):
        text = text.replace(there, here)
    return text


class Month:
    """The records of one month of one kind of taxi."""

    def __init__(self, taxi: str, month: str) -> None:
        self.taxi = taxi
        self.month = month
        self.file = f"{taxi}_tripdata_{month}.csv"

    @cached_property
    def records(self) -> int:
        """How many different trips the file has, by what the flow takes for the identity of one."""
        prefix = {"green": "lpep", "yellow": "tpep"}[self.taxi]
        names = [
            "VendorID",
            f"{prefix}_pickup_datetime",
            f"{prefix}_dropoff_datetime",
            "PULocationID",
            "DOLocationID",
            "fare_amount",
            "trip_distance",
        ]
        with gzip.open(FOLDER / "downloads" / f"{self.file}.gz", "rt") as lines:
            return len({tuple(row[name] for name in names) for row in csv.DictReader(lines)})


class Course:
    """A server with flows of the course."""

    def __init__(self, server: Server, data: Path, files: str, database: Database) -> None:
        self.server = server
        self.data = data
        self.files = files
        self.database = database

    def source(self, name: str) -> str:
        """The text of a flow, with this machine in place of the outside world."""
        return source_of(name, self.files, self.database)

    def save(self, name: str) -> str:
        """Store a flow, in place of what there is; its id."""
        return self.save_source(self.source(name))

    def save_source(self, source: str) -> str:
        """Store the text of a flow; its id."""
        answer = self.server.api.post("flows", content=source, headers=YAML)
        if answer.status_code != 200:
            flow_id = source.split("\n", 1)[0].removeprefix("id: ").strip()
            answer = self.server.api.put(f"flows/{NAMESPACE}/{flow_id}", content=source, headers=YAML)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["id"])

    def run(self, flow_id: str, **inputs: str) -> dict[str, Any]:
        """One execution to its end."""
        form = {name: (None, value) for name, value in inputs.items()} or {"": (None, "")}
        answer = self.server.api.post(f"executions/{NAMESPACE}/{flow_id}?wait=true", files=form)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def executions(self, flow_id: str) -> list[dict[str, Any]]:
        """All executions of a flow, the oldest first."""
        query = {"namespace": NAMESPACE, "flowId": flow_id, "size": 100, "sort": "state.startDate:asc"}
        answer = self.server.api.get("executions/search", params=query)
        assert answer.status_code == 200, answer.text
        return list(answer.json()["results"])

    def whole(self, execution: dict[str, Any]) -> dict[str, Any]:
        """An execution of a list with its task runs."""
        return dict(self.server.api.get(f"executions/{execution['id']}").json())

    def told(self, execution: dict[str, Any]) -> str:
        """What an execution logged, for a test that fails."""
        return str(self.server.api.get(f"logs/{execution['id']}/download").text)

    def file_uris(self, execution: dict[str, Any]) -> list[str]:
        """The files that its tasks said they stored."""
        runs = execution["taskRunList"]
        found = [(run.get("outputs") or {}).get("outputFiles") or {} for run in runs]
        return [uri for files in found for uri in files.values()]


def labels(execution: dict[str, Any]) -> dict[str, str]:
    """Labels as a map."""
    return {label["key"]: label["value"] for label in execution["labels"]}


def until(reached: Callable[[], Any], seconds: float = PATIENCE_SECONDS) -> Any:
    """What `reached` gives once it gives something true."""
    end = time.monotonic() + seconds
    while not (found := reached()):
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.02)
    return found
