"""The data of a chart: which columns, which rows, in which order."""

from __future__ import annotations

from typing import Any

from batuta.dashboards.definition import DATA, ChartKind, Column, Data, GraphStyle, Ordering
from batuta.flows.section import Section
from batuta.model.charts import FIELDS, Aggregate, Comparison, Dataset, FieldKind, Filter
from batuta.nearness import did_you_mean

KPI = "KPI"
"""What stands behind the name of a set of data in the type for a single figure."""
VALUE = "value"
"""The key of the figure of a KPI."""

_DATA = frozenset({"type", "columns", "where", "orderBy"})
_COLUMN = frozenset({"field", "displayName", "agg", "labelKey", "graphStyle", "columnAlignment"})
_FILTER = frozenset({"field", "type", "value", "values", "labelKey"})
_NUMBERS = (FieldKind.NUMBER, FieldKind.SECONDS)


def data_of(chart: Section, kind: ChartKind) -> Data | None:
    """The data of a chart; None when that is so wrong that nothing more can be said."""
    section = chart.section("data")
    if section is None:
        if not chart.has("data"):
            chart.wrong("data", "must not be null", hint="add `data:` with a `type:` and `columns:`")
        return None
    is_figure = kind is ChartKind.KPI
    section.refuse_unknown(_DATA | ({"numerator"} if is_figure else set()), f"{DATA}Data")
    dataset = _dataset(section, is_figure)
    if dataset is None:
        return None
    columns = _figure(section, dataset) if is_figure else _columns(section, dataset, kind)
    return Data(
        dataset=dataset,
        columns=columns,
        where=_filters(section, "where", dataset),
        order=_order(section, columns),
        numerator=_filters(section, "numerator", dataset),
    )


def _dataset(section: Section, is_figure: bool) -> Dataset | None:
    written = section.text("type", required=True)
    if written is None:
        return None
    known = {
        f"{DATA}{each.value}{KPI if is_figure else ''}": each
        for each in Dataset
        if _has_type(each, is_figure)
    }
    found = known.get(written)
    if found is None:
        hint = did_you_mean(written, known) or f"types of data for it: {', '.join(known)}"
        section.wrong("type", f"Invalid type: {written}", hint=hint)
    return found


def _has_type(dataset: Dataset, is_figure: bool) -> bool:
    return dataset is not Dataset.TRIGGERS or not is_figure


def _figure(section: Section, dataset: Dataset) -> dict[str, Column]:
    inner = section.section("columns")
    if inner is None:
        section.wrong("columns", "must not be null", hint="add `columns: {field: ID, agg: COUNT}`")
        return {}
    column = _column(inner, dataset, ChartKind.KPI)
    if column.aggregate is None:
        inner.wrong("agg", "must not be null", hint="a figure needs an aggregation, such as `agg: COUNT`")
    return {VALUE: column}


def _columns(section: Section, dataset: Dataset, kind: ChartKind) -> dict[str, Column]:
    listed = section.mapping("columns")
    if not listed:
        section.wrong("columns", "must not be empty", hint="add a column, such as `id: {field: ID}`")
    found: dict[str, Column] = {}
    fields: set[tuple[Any, ...]] = set()
    for key, each in listed.items():
        path = (*section.at("columns"), key)
        if not isinstance(each, dict):
            section.found.wrong(path, "a column is a map", hint="such as `{field: ID}`")
            continue
        column = found[key] = _column(Section(section.found, path, each), dataset, kind)
        mark = (column.field, column.label_key, column.aggregate)
        if column.field is not None and mark in fields:
            section.found.wrong(
                path, f"the field {column.field} is there already", hint="a field may appear once"
            )
        fields.add(mark)
    return found


def _column(section: Section, dataset: Dataset, kind: ChartKind) -> Column:
    section.refuse_unknown(_COLUMN, f"{DATA}ColumnDescriptor")
    aggregate = section.choice("agg", Aggregate)
    style = section.choice("graphStyle", GraphStyle)
    if style is not None and (kind is not ChartKind.TIME_SERIES or aggregate is None):
        section.wrong("graphStyle", "only aggregations of a chart over time have a graph style")
    alignment = section.text("columnAlignment")
    if alignment is not None and (
        kind is not ChartKind.TABLE or alignment not in ("LEFT", "RIGHT", "CENTER")
    ):
        section.wrong("columnAlignment", "must be LEFT, RIGHT or CENTER, for a column of a table")
    field = section.text("field", required=aggregate is not Aggregate.COUNT)
    field = _known(section, field, dataset)
    if field is not None and aggregate not in (None, Aggregate.COUNT):
        found = FIELDS[dataset][field]
        is_ordered = found in _NUMBERS or (
            found is FieldKind.INSTANT and aggregate in (Aggregate.MIN, Aggregate.MAX)
        )
        if not is_ordered:
            section.wrong("agg", f"{aggregate} needs numbers, and {field} has none", hint="use COUNT")
    return Column(
        field=field,
        aggregate=aggregate,
        label_key=_label_key(section, field, dataset, needed=aggregate is None),
        display_name=section.text("displayName"),
        graph_style=style,
    )


def _known(section: Section, field: str | None, dataset: Dataset) -> str | None:
    if field is None or field in FIELDS[dataset]:
        return field
    fields = FIELDS[dataset]
    hint = did_you_mean(field, fields) or f"fields of {dataset}: {', '.join(fields)}"
    section.wrong("field", f"`{field}` is not a field of {dataset}", hint=hint)
    return None


def _label_key(section: Section, field: str | None, dataset: Dataset, *, needed: bool) -> str | None:
    key = section.text("labelKey")
    is_label = field is not None and FIELDS[dataset][field] is FieldKind.LABELS
    if key is not None and not is_label:
        section.wrong("labelKey", "only the field LABELS has label keys")
    if key is None and is_label and needed:
        section.wrong("labelKey", "must not be null", hint="say which label is meant: `labelKey: team`")
    return key


def _filters(section: Section, name: str, dataset: Dataset) -> tuple[Filter, ...]:
    return tuple(found for each in section.sections(name) if (found := _filter(each, dataset)) is not None)


def _filter(section: Section, dataset: Dataset) -> Filter | None:
    section.refuse_unknown(_FILTER, f"{DATA}Filter")
    comparison = section.choice("type", Comparison, required=True)
    if comparison is None:
        return None
    if comparison is Comparison.OR:
        parts = _filters(section, "values", dataset)
        if not parts:
            section.wrong("values", "must not be empty", hint="give the filters of which one must hold")
        return Filter(comparison=comparison, parts=parts)
    field = _known(section, section.text("field", required=True), dataset)
    if comparison in (Comparison.IN, Comparison.NOT_IN):
        if not section.items("values"):
            section.wrong("values", "must not be empty")
    elif comparison.takes_value and section.data.get("value") is None:
        section.wrong("value", "must not be null", hint="add the `value:` to compare with")
    if field is None:
        return None
    return Filter(
        comparison=comparison,
        field=field,
        label_key=_label_key(section, field, dataset, needed=True),
        value=section.data.get("value"),
        values=tuple(section.items("values")),
    )


def _order(section: Section, columns: dict[str, Column]) -> tuple[Ordering, ...]:
    found = []
    for each in section.sections("orderBy"):
        each.refuse_unknown(("column", "order"), f"{DATA}OrderBy")
        key = each.text("column", required=True)
        direction = each.text("order") or "ASC"
        if direction not in ("ASC", "DESC"):
            each.wrong("order", f"must be ASC or DESC, but is `{direction}`")
        if key is not None and key not in columns:
            hint = did_you_mean(key, columns) or f"columns: {', '.join(columns) or 'none'}"
            each.wrong("column", f"`{key}` is not a column of the data", hint=hint)
        elif key is not None:
            found.append(Ordering(key, direction == "DESC"))
    return tuple(found)
