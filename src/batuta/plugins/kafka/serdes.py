"""Keys and values of records as bytes, the way Kafka's own serializers write them."""

from __future__ import annotations

import base64
import struct
import uuid
from collections.abc import Callable
from enum import StrEnum
from typing import Any

import msgspec

from batuta.errors import TaskError


class Serde(StrEnum):
    """How a key or a value is written."""

    STRING = "STRING"
    INTEGER = "INTEGER"
    LONG = "LONG"
    SHORT = "SHORT"
    FLOAT = "FLOAT"
    DOUBLE = "DOUBLE"
    BYTES = "BYTES"
    BYTE_ARRAY = "BYTE_ARRAY"
    BYTE_BUFFER = "BYTE_BUFFER"
    UUID = "UUID"
    VOID = "VOID"
    JSON = "JSON"
    AVRO = "AVRO"


_NUMBERS = {
    Serde.INTEGER: ">i",
    Serde.LONG: ">q",
    Serde.SHORT: ">h",
    Serde.FLOAT: ">f",
    Serde.DOUBLE: ">d",
}
_BYTES = (Serde.BYTES, Serde.BYTE_ARRAY, Serde.BYTE_BUFFER)


def written(serde: Serde, value: Any) -> bytes | None:
    """The bytes of a value; None is a record's null.

    Raises:
        TaskError: the value does not fit.
    """
    if value is None or serde is Serde.VOID:
        return None
    try:
        return _written(serde, value)
    except (ValueError, TypeError, struct.error, OverflowError) as error:
        raise TaskError(f"`{value}` cannot be written as {serde}: {error}") from None


def _written(serde: Serde, value: Any) -> bytes:
    if serde in _NUMBERS:
        kind: Callable[[Any], Any] = float if serde in (Serde.FLOAT, Serde.DOUBLE) else int
        return struct.pack(_NUMBERS[serde], kind(value))
    if serde in _BYTES:
        return value if isinstance(value, bytes) else base64.b64decode(str(value), validate=True)
    if serde is Serde.UUID:
        return str(uuid.UUID(str(value))).encode()
    if serde is Serde.JSON:
        return msgspec.json.encode(value)
    if serde is Serde.AVRO:
        raise no_avro()
    return value.encode() if isinstance(value, str) else msgspec.json.encode(value)


def read(serde: Serde, content: bytes | None) -> Any:
    """The value of bytes.

    Raises:
        TaskError: they are none.
    """
    if content is None or serde is Serde.VOID:
        return None
    try:
        return _read(serde, content)
    except (ValueError, struct.error, msgspec.DecodeError) as error:
        raise TaskError(f"a record is not {serde}: {error}", mend="choose another deserializer") from None


def _read(serde: Serde, content: bytes) -> Any:
    if serde in _NUMBERS:
        (value,) = struct.unpack(_NUMBERS[serde], content)
        return value
    if serde in _BYTES:
        return base64.b64encode(content).decode()
    if serde is Serde.UUID:
        return str(uuid.UUID(content.decode()))
    if serde is Serde.JSON:
        return msgspec.json.decode(content)
    if serde is Serde.AVRO:
        raise no_avro()
    return content.decode()


def no_avro() -> TaskError:
    """AVRO is not supported."""
    return TaskError(
        "AVRO with a schema registry is not supported", mend="use JSON or STRING, or BYTES with a serdes task"
    )
