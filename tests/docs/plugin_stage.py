"""What examples find when they run: a server, a chat, a mail server, a database, and what they speak of.

An example runs as it is printed, but for addresses, and for a time that is longer than a test should take.
"""

from __future__ import annotations

import asyncio
import base64
import re
import shutil
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from aiosmtpd.smtp import SMTP, AuthResult

from batuta.plugin import converters, registry, schema
from tests.docs.plugin_examples import NAMESPACE, PROCESS, Example, every, source
from tests.journeys.processes import PATIENCE_SECONDS, Server, serving
from tests.plugins.notifications.service import Service, service
from tests.support import tls
from tests.support.services.mariadb import mariadb
from tests.support.services.postgres import PASSWORD, postgres
from tests.support.services.redis import RedisServer

YAML = {"content-type": "application/x-yaml"}
TOKEN = "t0ken-0123456789"
DATABASES = ("duckdb", "mariadb", "mysql", "postgresql", "sqlite")
"""Databases that are here, of those that examples speak to."""
PROGRAMS = {"shell": "sh", "Bash": "bash", "Python": "python3", "Node": "node", "r": "Rscript"}
"""What runs a script, where it is not called as the language is."""
HALTS = ("io.kestra.plugin.core.flow.Pause", "io.kestra.plugin.core.flow.Approval")
TOO_SLOW = ("go",)
"""Languages whose compiler takes longer than all other examples together."""
NOT_HERE = ("io.kestra.plugin.core.flow.Template",)
"""Needs a template, which nobody can store any more."""

PAGES = {
    "/products.json": [{"brand": "acme", "price": 2}],
    "/ping": {"pong": True},
    "/events": 'data: {"delta": "Hel"}\n\ndata: {"delta": "lo"}\n\n',
}
TABLES = (
    "CREATE TABLE trips_staging (vendorid int, pickup timestamp, dropoff timestamp)",
    "CREATE TABLE trips (vendorid int, pickup timestamp, dropoff timestamp,"
    " day date GENERATED ALWAYS AS (pickup::date) STORED)",
    "CREATE TABLE orders (id int PRIMARY KEY, total numeric, seen timestamptz)",
)
MARIADB_TABLES = (
    "CREATE TABLE orders (id INT PRIMARY KEY, total DECIMAL(9, 2), day DATE INVISIBLE DEFAULT '2024-01-05')",
    "CREATE TABLE new_orders (id INT PRIMARY KEY, total DECIMAL(9, 2))",
)
SQLITE_TABLES = """
CREATE TABLE orders (id INTEGER PRIMARY KEY, total NUMERIC);
CREATE TABLE customers (name TEXT, city TEXT);
INSERT INTO customers VALUES ('Ada', 'Lisbon');
"""
TRIPS = b"VendorID,pickup,dropoff\n1,2024-01-05 10:00:00,2024-01-05 10:20:00\n"
CHILDREN = (
    {
        "id": "child_flow",
        "namespace": "company.team",
        "inputs": [{"id": "day", "type": "STRING"}],
        "tasks": [{"id": "say", "type": "io.kestra.plugin.core.debug.Return", "format": "{{ inputs.day }}"}],
    },
    {
        "id": "one_batch",
        "namespace": "company.team",
        "inputs": [{"id": "file", "type": "STRING"}],
        "tasks": [{"id": "size", "type": "io.kestra.plugin.core.storage.Size", "uri": "{{ inputs.file }}"}],
    },
    {
        "id": "load",
        "namespace": NAMESPACE,
        "tasks": [{"id": "nothing", "type": "io.kestra.plugin.core.debug.Return"}],
        "triggers": [
            {"id": "mornings", "type": "io.kestra.plugin.core.trigger.Schedule", "cron": "0 9 * * *"}
        ],
    },
    {
        "id": "waiting",
        "namespace": NAMESPACE,
        "tasks": [{"id": "wait", "type": "io.kestra.plugin.core.flow.Pause"}],
    },
)
BEFORE = {
    "query": {
        "type": "io.kestra.plugin.core.storage.Write",
        "content": "{id:1,total:10}\n{id:2,total:20}\n",
        "extension": ".ion",
    }
}
"""Tasks that an example may refer to, where not any output will do."""


def sends(example: Example) -> bool:
    """It is a notification."""
    return ".notifications." in registry.load(example.entry.type).__module__


def runs(example: Example) -> bool:
    """Everything that the example needs is here."""
    type_, family = example.entry.type, example.entry.family
    if example.entry.kind == "task runner":
        return type_ == PROCESS["type"]
    if example.entry.kind != "task" or type_ in NOT_HERE:
        return False
    if family == "scripts":
        language = type_.rpartition(".")[2] if "core.tasks" in type_ else type_.split(".")[-2]
        return language not in TOO_SLOW and shutil.which(PROGRAMS.get(language, language)) is not None
    if family == "jdbc":
        return type_.split(".")[-2] in DATABASES
    if family == "redis":
        return ".json." not in type_  # a module that Debian's server lacks
    return family.startswith("core.") or sends(example)


def values(example: Example, files: dict[str, bytes]) -> dict[str, str | bytes]:
    """What its inputs are: bytes are files. Beside those that are given here there are `files`."""
    type_ = example.entry.type
    texts: dict[str, str | bytes] = {"region": "eu", "day": "monday", "color": "green", "rows": "12"}
    lines = dict.fromkeys(("file", "first", "second", "report"), b"one\ntwo\n")
    given = texts | lines | files | {"products": b'[{"brand": "acme", "price": 2}]'}
    if ".storage." in type_:
        given["rows"] = b'{customer:"ada",amount:200}\n{customer:"eve",amount:50}\n'
    if type_.endswith(".CopyIn"):
        given["file"] = TRIPS
    if ".mysql." in type_:
        given["file"] = b"id,total\n7,2.5\n"
    if "program" in example.inputs:
        script = registry.load(f"{type_.rpartition('.')[0]}.Script")
        given["program"] = Example(example.entry, schema.page_of(script).examples[0], 0).written["script"]
    return {name: given.get(name, "text") for name in example.inputs}


class Addresses(NamedTuple):
    """Where our own services are, beside the chat."""

    postgres: str
    mariadb: str
    """Without its scheme."""
    mysql: str
    """Another database of the same server, without its scheme."""
    redis: str
    sqlite: Path


class Stage:
    """Runs examples."""

    def __init__(self, server: Server, chat: Service, mail: Letterboxes, addresses: Addresses) -> None:
        self.server = server
        self.chat = chat
        self._mail = mail
        self._addresses = addresses
        for child in CHILDREN:
            self._save(child)

    @property
    def messages(self) -> int:
        """How many notifications have come."""
        return len(self.chat.heard) + self._mail.taken

    def run(self, example: Example) -> tuple[str, list[str]]:
        """The state in which it ends or waits, and its log."""
        given = values(example, {"database": self._addresses.sqlite.read_bytes()})
        kinds = {name: {"type": "FILE"} for name, value in given.items() if isinstance(value, bytes)}
        if given.get("rows") == "12":
            kinds["rows"] = {"type": "INT"}
        flow = self._at_home(example).flow(kinds, BEFORE)
        if example.entry.family == "scripts":
            default = {"type": "io.kestra.plugin.scripts", "values": {"taskRunner": PROCESS}}
            flow["pluginDefaults"] = [default]
        if sends(example):
            self._redirect(flow["tasks"][-1])
        self._save(flow)
        form = {
            name: (f"{name}.ion", value) if isinstance(value, bytes) else (None, value)
            for name, value in given.items()
        }
        execution = self._start(flow["id"], form)
        log = self.server.api.get(f"logs/{execution['id']}").json()
        return execution["state"]["current"], [line["message"] for line in log]

    def _at_home(self, example: Example) -> Example:
        """The example with our addresses."""
        text = re.sub(r"http://localhost:80[08]0", self.chat.address, example.text)
        text = re.sub(r"jdbc:postgresql://localhost:5432/\w+", self._addresses.postgres, text)
        for scheme, address in (("mariadb", self._addresses.mariadb), ("mysql", self._addresses.mysql)):
            there = rf"(jdbc:{scheme}:)//localhost:3306/\w+\nusername: root"
            text = re.sub(there, rf"\1{address}", text)
        text = text.replace("redis://localhost:6379/0", self._addresses.redis)
        text = text.replace("jdbc:sqlite:/data/shop.db", f"jdbc:sqlite:{self._addresses.sqlite}")
        text = text.replace("duration: PT15S", "duration: PT0.1S")
        if example.entry.type.endswith(".Resume"):
            text = text.replace("{{ trigger.executionId }}", self._start("waiting", {})["id"])
        return example._replace(text=text)

    def _redirect(self, task: dict[str, Any]) -> None:
        """Let a notification come to us."""
        fields = converters.fields_of(registry.load(task["type"]))
        if "transportStrategy" in fields:
            strategy = task.get("transportStrategy", "SMTPS")
            task |= {"host": "127.0.0.1", "port": self._mail.ports[strategy], "trustedHosts": ["127.0.0.1"]}
        elif "endpointOverride" in fields:
            task["endpointOverride"] = self.chat.address
        elif "url" in fields and "secret" not in task.get("url", ""):
            task["url"] = self.chat.url
        elif "url" in fields:
            task["url"] = re.sub(r"https://[\w.-]+", self.chat.address, task["url"])

    def _save(self, flow: dict[str, Any]) -> None:
        answer = self.server.api.post("flows", content=source(flow), headers=YAML)
        assert answer.status_code in (200, 201), answer.text

    def _start(self, flow: str, form: dict[str, Any]) -> Any:
        """Start a flow, and wait until it ends or pauses."""
        answer = self.server.api.post(f"executions/{NAMESPACE}/{flow}", files=form or None)
        assert answer.status_code == 200, answer.text
        execution, end = answer.json(), time.monotonic() + PATIENCE_SECONDS
        while execution["state"]["current"] in ("CREATED", "RUNNING", "RESTARTED"):
            assert time.monotonic() < end, f"{flow} does not end"
            time.sleep(0.02)
            execution = self.server.api.get(f"executions/{execution['id']}").json()
        return execution


@contextmanager
def stage(folder: Path) -> Iterator[Stage]:
    """All of it, until the context ends."""
    with ExitStack() as stack:
        chat = stack.enter_context(service())
        chat.pages.update(PAGES)
        database = stack.enter_context(postgres()).create()
        database.run(*TABLES)
        maria = stack.enter_context(mariadb())
        shop = maria.create()
        shop.run(*MARIADB_TABLES)
        other = maria.create()
        other.run(*MARIADB_TABLES)
        redis = RedisServer(folder / "redis")
        stack.callback(lambda: asyncio.run(redis.stop()))
        asyncio.run(redis.start())
        sqlite = folder / "shop.db"
        with closing(sqlite3.connect(sqlite)) as connection:
            connection.executescript(SQLITE_TABLES)
        mail = stack.enter_context(letterboxes(folder))
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        for name, value in secrets(chat).items():
            patch.setenv(f"SECRET_{name}", base64.b64encode(value.encode()).decode())
        server = stack.enter_context(serving(folder / "data"))
        there, here = (
            f"//{maria.host}:{maria.port}/{each.name}\nusername: {maria.username}" for each in (shop, other)
        )
        yield Stage(server, chat, mail, Addresses(database.url, there, here, redis.url, sqlite))


def secrets(chat: Service) -> dict[str, str]:
    """A value for each secret that an example asks for."""
    named = {name for example in every() for name in re.findall(r"secret\('(\w+)'\)", example.text)}
    dsn = chat.address.replace("://", f"://{TOKEN}@") + "/1"
    databases = dict.fromkeys(("POSTGRES_PASSWORD", "MARIADB_PASSWORD", "MYSQL_PASSWORD"), PASSWORD)
    known = {**databases, "SENTRY_DSN": dsn}
    return {name: known.get(name, chat.url if "WEBHOOK" in name else TOKEN) for name in named}


class Letterboxes:
    """Count what they take. `ports` by how they are reached."""

    def __init__(self) -> None:
        self.ports: dict[str, int] = {}
        self.taken = 0

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.taken += 1
        return "250 taken"


@contextmanager
def letterboxes(folder: Path) -> Iterator[Letterboxes]:
    """Mail servers that take everything, on a thread of their own."""
    context, boxes, ready = tls.certificate(folder), Letterboxes(), threading.Event()
    loop = asyncio.new_event_loop()

    def anybody(*login: Any) -> AuthResult:
        return AuthResult(success=True)

    def protocol(**more: Any) -> SMTP:
        return SMTP(boxes, hostname="localhost", loop=loop, authenticator=anybody, **more)

    async def listen() -> None:
        plain = await loop.create_server(lambda: protocol(tls_context=context), "127.0.0.1", 0)
        # The login comes over a connection that is encrypted, of which the protocol knows nothing.
        whole = await loop.create_server(
            lambda: protocol(auth_require_tls=False), "127.0.0.1", 0, ssl=context
        )
        boxes.ports.update(
            SMTP_TLS=plain.sockets[0].getsockname()[1], SMTPS=whole.sockets[0].getsockname()[1]
        )
        ready.set()

    def serve() -> None:
        loop.run_until_complete(listen())
        loop.run_forever()
        loop.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    assert ready.wait(PATIENCE_SECONDS)
    try:
        yield boxes
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(PATIENCE_SECONDS)
