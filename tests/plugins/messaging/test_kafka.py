"""Kafka: how records are written and read, and how settings of its own client are understood.

What meets a broker is in `test_kafka_broker.py`.
"""

from __future__ import annotations

import ssl
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from batuta.errors import TaskError
from batuta.model.state import State
from batuta.plugins.kafka.connection import arguments
from batuta.plugins.kafka.consume import Consume, occasion, shown
from batuta.plugins.kafka.produce import Produce
from batuta.plugins.kafka.serdes import Serde, read, written
from tests.plugins.messaging.conftest import Program

SERVERS = {"bootstrap.servers": "127.0.0.1:1, 127.0.0.1:2"}


@pytest.mark.parametrize(
    ("serde", "value", "content"),
    [
        (Serde.STRING, "ä", b"\xc3\xa4"),
        (Serde.INTEGER, 258, b"\x00\x00\x01\x02"),
        (Serde.LONG, 1, b"\x00" * 7 + b"\x01"),
        (Serde.SHORT, -1, b"\xff\xff"),
        (Serde.DOUBLE, 1.5, b"\x3f\xf8\x00\x00\x00\x00\x00\x00"),
        (Serde.FLOAT, 0.5, b"\x3f\x00\x00\x00"),
        (Serde.BYTES, "AQI=", b"\x01\x02"),
        (Serde.UUID, "5f0bd0a4-4c8a-4f1c-9c0b-0c6a4f0d8a11", b"5f0bd0a4-4c8a-4f1c-9c0b-0c6a4f0d8a11"),
        (Serde.JSON, {"a": 1}, b'{"a":1}'),
        (Serde.VOID, None, None),
        (Serde.STRING, None, None),
    ],
)
def test_values_are_written_as_kafka_does_and_read_again(serde, value, content):
    assert written(serde, value) == content
    assert read(serde, content) == value


@pytest.mark.parametrize(("serde", "value"), [(Serde.INTEGER, "x"), (Serde.SHORT, 70_000), (Serde.UUID, "x")])
def test_what_does_not_fit_is_told(serde, value):
    with pytest.raises(TaskError, match=f"cannot be written as {serde}"):
        written(serde, value)


def test_settings_of_the_client_are_translated(tmp_path):
    found = arguments(
        {
            **SERVERS,
            "security.protocol": "SASL_SSL",
            "sasl.mechanism": "PLAIN",
            "sasl.jaas.config": 'org.example.PlainLoginModule required username="me" password="p;w";',
            "auto.offset.reset": "earliest",
            "session.timeout.ms": "45000",
            "some.other": "thing",
        },
        tmp_path,
        consumes=True,
    )
    assert isinstance(found.pop("ssl_context"), ssl.SSLContext)
    assert found == {
        "bootstrap_servers": ["127.0.0.1:1", "127.0.0.1:2"],
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": "PLAIN",
        "sasl_plain_username": "me",
        "sasl_plain_password": "p;w",
        "auto_offset_reset": "earliest",
        "session_timeout_ms": 45000,
    }


def test_settings_that_cannot_work_say_so(tmp_path):
    with pytest.raises(TaskError, match="names no broker"):
        arguments({}, tmp_path, consumes=True)
    java = {**SERVERS, "security.protocol": "SSL", "ssl.keystore.location": "/a.jks"}
    with pytest.raises(TaskError, match="key stores of Java"):
        arguments(java, tmp_path, consumes=False)


def test_an_item_becomes_a_record():
    task = Produce(properties=SERVERS, topic="orders", from_=[], value_serializer=Serde.JSON)
    given = {"key": "k", "value": {"n": 1}, "headers": {"a": 1}, "timestamp": "2026-01-01T00:00:00Z"}
    record = task.record(given)
    assert (record.topic, record.key, record.value) == ("orders", b"k", b'{"n":1}')
    assert (record.headers, record.timestamp_ms) == ([("a", b"1")], 1767225600000)
    assert task.record("plain").value == b'"plain"'
    with pytest.raises(TaskError, match="no topic"):
        Produce(properties=SERVERS, from_=[]).record("x")


def raw(**more):
    given = {
        "key": b"k",
        "value": b'{"n":1}',
        "topic": "orders",
        "headers": (("kind", b"new"),),
        "partition": 2,
        "timestamp": 1767225600000,
        "offset": 7,
    }
    return SimpleNamespace(**(given | more))


class Log:
    def __init__(self):
        self.lines = []

    def warn(self, line):
        self.lines.append(line)


def consume(**given):
    return Consume(properties=SERVERS, topic="orders", **given)


def test_a_record_is_shown_as_flows_see_it():
    of = consume(serde_properties={"valueDeserializer": "JSON"})
    record = shown(SimpleNamespace(log=Log()), of, raw())
    assert (record.key, record.value, record.headers) == ("k", {"n": 1}, {"kind": "new"})
    assert (record.partition, record.offset) == (2, 7)
    assert record.timestamp == datetime(2026, 1, 1, tzinfo=UTC)
    assert occasion(record) == "orders:2:7:1767225600.000"


def test_records_can_be_chosen_by_their_headers():
    assert shown(SimpleNamespace(log=Log()), consume(header_filters={"kind": "old"}), raw()) is None


def test_what_cannot_be_read_fails_unless_told_otherwise():
    context = SimpleNamespace(log=Log())
    broken = raw(value=b"{")
    with pytest.raises(TaskError, match="is not JSON"):
        shown(context, consume(value_deserializer=Serde.JSON), broken)
    skipping = consume(value_deserializer=Serde.JSON, on_serde_error={"type": "SKIPPED"})
    assert shown(context, skipping, broken) is None
    storing = consume(value_deserializer=Serde.JSON, on_serde_error={"type": "STORE"})
    assert shown(context, storing, broken).value == "ew=="
    assert len(context.log.lines) == 2


async def test_a_broker_that_is_not_there_fails_a_task_with_its_address(shop):
    document = {
        "type": "io.kestra.plugin.kafka.Consume",
        "properties": {"bootstrap.servers": "127.0.0.1:1"},
        "topic": "t",
    }
    assert (await shop.run(document)).state is State.FAILED
    assert "Kafka at 127.0.0.1:1 cannot be reached" in "\n".join(await shop.log())


async def test_a_trigger_waits_for_a_broker_that_is_not_there(batuta: Program):
    await batuta.save(
        "properties: {bootstrap.servers: 127.0.0.1:1}\ntopic: t\ngroupId: g", "kafka.RealtimeTrigger"
    )
    assert "Kafka at 127.0.0.1:1 cannot be reached" in (await batuta.waiting()).problem
    assert await batuta.present() == []
