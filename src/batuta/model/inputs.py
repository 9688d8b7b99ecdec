"""Inputs and outputs that a flow declares (flow spec §2 and §3)."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec


class InputType(StrEnum):
    """The closed list of types."""

    STRING = "STRING"
    INT = "INT"
    FLOAT = "FLOAT"
    BOOL = "BOOL"
    BOOLEAN = "BOOLEAN"
    SELECT = "SELECT"
    MULTISELECT = "MULTISELECT"
    ENUM = "ENUM"
    DATETIME = "DATETIME"
    DATE = "DATE"
    TIME = "TIME"
    DURATION = "DURATION"
    FILE = "FILE"
    JSON = "JSON"
    YAML = "YAML"
    ION = "ION"
    URI = "URI"
    EMAIL = "EMAIL"
    SECRET = "SECRET"
    ARRAY = "ARRAY"
    FORM = "FORM"
    OBJECT = "OBJECT"
    TABLE = "TABLE"
    REUSABLE_INPUTS = "REUSABLE_INPUTS"


class DependsOn(msgspec.Struct, frozen=True, rename="camel"):
    """When an input is asked for at all."""

    inputs: tuple[str, ...] = ()
    condition: str | None = None


class Choice(msgspec.Struct, frozen=True):
    """One entry of a SELECT or MULTISELECT: what is shown and what is stored."""

    label: str
    value: str


class Input(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """One declared input, or a property of an OBJECT or column of a TABLE.

    `minimum` and `maximum` are the document's `min` and `max` (or `after` and `before`), as written; which of
    the members are allowed for which type is checked when the flow is read.
    """

    id: str
    type: InputType
    required: bool = True
    defaults: Any = None
    prefill: Any = None
    display_name: str | None = None
    description: str | None = None
    depends_on: DependsOn | None = None
    validator: str | None = None
    minimum: Any = msgspec.field(default=None, name="min")
    maximum: Any = msgspec.field(default=None, name="max")
    after: Any = None
    before: Any = None
    values: tuple[Choice, ...] = ()
    expression: str | None = None
    allow_custom_value: bool = False
    is_radio: bool = False
    auto_select_first: bool = False
    item_type: InputType | None = None
    extension: str | None = None
    allowed_file_extensions: tuple[str, ...] = ()
    inputs: tuple[Input, ...] = ()
    properties: tuple[Input, ...] = ()
    columns: tuple[Input, ...] = ()
    rows: dict[str, int] = {}
    ref: str | None = None
    namespace: str | None = None
    revision: int | None = None


class FlowOutput(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """One declared output of a flow, rendered when the execution ends."""

    id: str
    value: Any
    type: InputType | None = None
    item_type: InputType | None = None
    display_name: str | None = None
    description: str | None = None
    required: bool = True
