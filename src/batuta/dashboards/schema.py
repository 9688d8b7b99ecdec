"""The JSON Schema of dashboards, for editors; what it cannot say is said by the reader."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from functools import cache
from typing import Any

from batuta.dashboards.data import KPI
from batuta.dashboards.definition import CHARTS, DATA, ChartKind, GraphStyle, NumberType
from batuta.dashboards.reading import ID, WIDEST
from batuta.model.charts import FIELDS, Aggregate, Comparison, Dataset

Json = dict[str, Any]

OWNER = "io.kestra.core.models.dashboards.Dashboard"
_TEXT: Json = {"type": "string"}
_SWITCH: Json = {"type": "object", "properties": {"enabled": {"type": "boolean"}}}
_WANTS_COLUMN = (ChartKind.TIME_SERIES, ChartKind.BAR)


@cache
def dashboard_schema() -> Json:
    """The schema, with a definition for every type of chart and of data."""
    charts = {f"{CHARTS}{kind}": _chart(kind) for kind in ChartKind}
    data = {
        f"{DATA}{dataset}{suffix}": _data(dataset, is_figure=bool(suffix))
        for dataset in Dataset
        for suffix in ("", KPI)
        if not (suffix and dataset is Dataset.TRIGGERS)
    }
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "$ref": f"#/definitions/{OWNER}",
        "definitions": {OWNER: _dashboard(charts), **charts, **data},
    }


def _object(properties: Json, *required: str) -> Json:
    return {
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
        "required": list(required),
    }


def _words(kind: type[StrEnum] | Iterable[str]) -> Json:
    return {"type": "string", "enum": [str(word) for word in kind]}


def _any_of(names: Iterable[str]) -> Json:
    return {"anyOf": [{"$ref": f"#/definitions/{name}"} for name in names]}


def _dashboard(charts: Json) -> Json:
    window = _object({"default": {**_TEXT, "default": "P30D"}, "max": {**_TEXT, "default": "P366D"}})
    return _object(
        {
            "id": {"type": "string", "pattern": f"^{ID}$"},
            "title": _TEXT,
            "description": _TEXT,
            "timeWindow": window,
            "charts": {"type": "array", "items": _any_of(charts)},
        },
        "title",
        "charts",
    )


def _chart(kind: ChartKind) -> Json:
    head: Json = {
        "id": {"type": "string", "pattern": f"^{ID}$"},
        "type": {"const": f"{CHARTS}{kind}"},
        "chartOptions": _options(kind),
    }
    if kind is ChartKind.MARKDOWN:
        return _object({**head, "content": _TEXT, "source": {"type": "object"}}, "id", "type")
    suffix = KPI if kind is ChartKind.KPI else ""
    sets = [each for each in Dataset if not (suffix and each is Dataset.TRIGGERS)]
    data = _any_of(f"{DATA}{each}{suffix}" for each in sets)
    return _object({**head, "data": data}, "id", "type", "chartOptions", "data")


def _options(kind: ChartKind) -> Json:
    common: Json = {
        "displayName": _TEXT,
        "description": _TEXT,
        "width": {"type": "integer", "minimum": 1, "maximum": WIDEST, "default": 6},
    }
    drawn: Json = {"colorByColumn": _TEXT, "tooltip": _words(("ALL", "NONE", "SINGLE")), "legend": _SWITCH}
    own: dict[ChartKind, Json] = {
        ChartKind.TIME_SERIES: {"column": _TEXT, **drawn},
        ChartKind.BAR: {"column": _TEXT, **drawn},
        ChartKind.PIE: {"graphStyle": _words(("DONUT", "PIE")), **drawn},
        ChartKind.TABLE: {"header": _SWITCH, "pagination": _SWITCH},
        ChartKind.KPI: {"numberType": _words(NumberType)},
        ChartKind.MARKDOWN: {},
    }
    required = [] if kind is ChartKind.MARKDOWN else ["displayName"]
    required += ["column"] if kind in _WANTS_COLUMN else []
    return _object({**common, **own[kind]}, *required)


def _data(dataset: Dataset, *, is_figure: bool) -> Json:
    fields = _words(FIELDS[dataset])
    column = _object(
        {
            "field": fields,
            "agg": _words(Aggregate),
            "labelKey": _TEXT,
            "displayName": _TEXT,
            "graphStyle": _words(GraphStyle),
            "columnAlignment": _words(("LEFT", "RIGHT", "CENTER")),
        }
    )
    filters: Json = {
        "type": "array",
        "items": _object(
            {
                "field": fields,
                "type": _words(Comparison),
                "value": {},
                "values": {"type": "array"},
                "labelKey": _TEXT,
            },
            "type",
        ),
    }
    order = _object({"column": _TEXT, "order": _words(("ASC", "DESC"))}, "column")
    properties: Json = {
        "type": {"const": f"{DATA}{dataset}{KPI if is_figure else ''}"},
        "columns": column if is_figure else {"type": "object", "additionalProperties": column},
        "where": filters,
        "orderBy": {"type": "array", "items": order},
    }
    if is_figure:
        properties["numerator"] = filters
    return _object(properties, "type", "columns")
