"""Rows for charts, compared with what plain Python makes of the same executions (triggers spec A25)."""

from __future__ import annotations

import asyncio
import tempfile
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batuta.errors import InvalidRequest
from batuta.model.charts import Aggregate, ChartColumn, ChartOrder, Comparison, Dataset, Filter
from batuta.model.labels import Label
from batuta.model.records import Metric, MetricKind
from batuta.model.state import History, State
from batuta.model.task import LogLevel
from batuta.store.batch import Batch
from batuta.store.port import ChartQuery
from batuta.store.sqlite import open_sqlite
from tests.conformance.samples import NOON, at, execution, flow, line

COUNT = ChartColumn(key="n", aggregate=Aggregate.COUNT)
STATES = (State.SUCCESS, State.FAILED, State.WARNING)
AGGREGATES = {
    Aggregate.SUM: sum,
    Aggregate.MIN: min,
    Aggregate.MAX: max,
    Aggregate.AVG: lambda values: sum(values) / len(values),
}


def run(place: int, namespace: str, state: State, begin: int, seconds: int, team: str | None = None) -> Any:
    """An execution that began so many seconds after noon, and took so many."""
    began = NOON + timedelta(seconds=begin)
    history = History.starting(began).to(State.RUNNING, began).to(state, began + timedelta(seconds=seconds))
    labels = () if team is None else (Label("team", team),)
    return execution(f"e{place:03}", namespace=namespace, state=history, labels=labels, settled=True)


def asked(*columns: ChartColumn, dataset: Dataset = Dataset.EXECUTIONS, **more: Any) -> ChartQuery:
    return ChartQuery(dataset=dataset, columns=columns, **more)


def where(field: str, comparison: Comparison, value: Any = None, **more: Any) -> Filter:
    return Filter(field=field, comparison=comparison, value=value, **more)


def group(key: str, field: str, **more: Any) -> ChartColumn:
    return ChartColumn(key=key, field=field, **more)


RUNS = st.lists(
    st.tuples(
        st.sampled_from(["a", "a.b", "c"]),
        st.sampled_from(STATES),
        st.integers(0, 400_000),
        st.integers(0, 5_000),
        st.sampled_from([None, "red", "blue"]),
    ),
    max_size=25,
)


@settings(max_examples=25, deadline=None)
@given(RUNS, st.sampled_from(list(AGGREGATES)))
def test_groups_are_those_that_plain_python_makes(runs, aggregate):
    async def found() -> Any:
        with tempfile.TemporaryDirectory() as folder:
            store = await open_sqlite(Path(folder) / "batuta.db")
            try:
                rows = {each.id: each for each in (run(place, *one) for place, one in enumerate(runs))}
                await store.commit(Batch(executions=rows))
                return await store.charts.rows(
                    asked(
                        group("day", "START_DATE", step="day"),
                        group("state", "STATE"),
                        group("team", "LABELS", label_key="team"),
                        COUNT,
                        ChartColumn(key="took", field="DURATION", aggregate=aggregate),
                    )
                )
            finally:
                await store.close()

    groups: dict[Any, list[float]] = defaultdict(list)
    for _, state, begin, seconds, team in runs:
        day = (NOON + timedelta(seconds=begin)).replace(hour=0, minute=0, second=0, microsecond=0)
        groups[day, state.value, team].append(float(seconds))
    page = asyncio.run(found())
    assert page.total == len(groups)
    got = {(row["day"], row["state"], row["team"]): (row["n"], row["took"]) for row in page.results}
    assert set(got) == set(groups)
    for key, values in groups.items():
        assert got[key][0] == len(values)
        assert got[key][1] == pytest.approx(AGGREGATES[aggregate](values))


@pytest.fixture
async def filled(store):
    runs = [
        run(0, "company", State.SUCCESS, 0, 10, "red"),
        run(1, "company.team", State.FAILED, 3_600, 20),
        run(2, "companion", State.SUCCESS, 7_200, 30, "blue"),
    ]
    await store.commit(Batch(executions={each.id: each for each in runs}))
    return store


@pytest.mark.parametrize(
    ("condition", "places"),
    [
        (where("STATE", Comparison.EQUAL_TO, "SUCCESS"), [0, 2]),
        (where("STATE", Comparison.NOT_EQUAL_TO, "SUCCESS"), [1]),
        (where("STATE", Comparison.IN, values=("FAILED", "KILLED")), [1]),
        (where("STATE", Comparison.NOT_IN, values=("FAILED", "KILLED")), [0, 2]),
        (where("NAMESPACE", Comparison.STARTS_WITH, "compan"), [0, 1, 2]),
        (where("NAMESPACE", Comparison.ENDS_WITH, "team"), [1]),
        (where("NAMESPACE", Comparison.CONTAINS, "ny"), [0, 1]),
        (where("NAMESPACE", Comparison.PREFIX, "company"), [0, 1]),
        (where("NAMESPACE", Comparison.REGEX, "^compan(y|ion)$"), [0, 2]),
        (where("DURATION", Comparison.GREATER_THAN, 10), [1, 2]),
        (where("DURATION", Comparison.GREATER_THAN_OR_EQUAL_TO, "PT20S"), [1, 2]),
        (where("DURATION", Comparison.LESS_THAN, "20"), [0]),
        (where("DURATION", Comparison.LESS_THAN_OR_EQUAL_TO, 20.0), [0, 1]),
        (where("DURATION", Comparison.EQUAL_TO, 20), [1]),
        (where("DURATION", Comparison.IN, values=(10, 30)), [0, 2]),
        (where("START_DATE", Comparison.GREATER_THAN, NOON), [1, 2]),
        (where("START_DATE", Comparison.LESS_THAN, (NOON + timedelta(hours=1)).isoformat()), [0]),
        (where("LABELS", Comparison.EQUAL_TO, "red", label_key="team"), [0]),
        (where("LABELS", Comparison.IS_NULL, label_key="team"), [1]),
        (where("LABELS", Comparison.IS_NOT_NULL, label_key="team"), [0, 2]),
        (where("TRIGGER_EXECUTION_ID", Comparison.IS_FALSE), [0, 1, 2]),
        (where("ID", Comparison.IS_TRUE), [0, 1, 2]),
        (
            Filter(
                comparison=Comparison.OR,
                parts=(
                    where("STATE", Comparison.EQUAL_TO, "FAILED"),
                    where("DURATION", Comparison.EQUAL_TO, 30),
                ),
            ),
            [1, 2],
        ),
    ],
)
async def test_filters_choose_rows(filled, condition, places):
    page = await filled.charts.rows(asked(group("id", "ID"), where=(condition,)))
    assert sorted(row["id"] for row in page.results) == [f"e{place:03}" for place in places]


async def test_a_value_that_does_not_suit_its_field_is_refused(filled):
    for condition in (
        where("DURATION", Comparison.GREATER_THAN, "long"),
        where("START_DATE", Comparison.LESS_THAN, "yesterday"),
        where("STATE", Comparison.EQUAL_TO, {"a": 1}),
    ):
        with pytest.raises(InvalidRequest, match="does not suit"):
            await filled.charts.rows(asked(group("id", "ID"), where=(condition,)))


async def test_rows_are_newest_first_and_paged(filled):
    query = asked(group("id", "ID"), group("at", "START_DATE"), limit=2)
    page = await filled.charts.rows(query)
    assert ([row["id"] for row in page.results], page.total) == (["e002", "e001"], 3)
    assert page.results[0]["at"] == NOON + timedelta(hours=2)
    rest = await filled.charts.rows(asked(group("id", "ID"), limit=2, offset=2))
    assert [row["id"] for row in rest.results] == ["e000"]
    by_name = await filled.charts.rows(asked(group("ns", "NAMESPACE"), order=(ChartOrder("ns"),)))
    assert [row["ns"] for row in by_name.results] == ["companion", "company", "company.team"]


async def test_nothing_counts_zero(store):
    page = await store.charts.rows(
        asked(COUNT, ChartColumn(key="t", field="DURATION", aggregate=Aggregate.SUM))
    )
    assert page.results == [{"n": 0, "t": None}]


@pytest.mark.parametrize(
    ("step", "begin"),
    [
        ("minute", datetime(2026, 3, 4, 5, 6, tzinfo=UTC)),
        ("hour", datetime(2026, 3, 4, 5, tzinfo=UTC)),
        ("day", datetime(2026, 3, 4, tzinfo=UTC)),
        ("week", datetime(2026, 3, 2, tzinfo=UTC)),
        ("month", datetime(2026, 3, 1, tzinfo=UTC)),
    ],
)
async def test_instants_become_the_beginning_of_their_step(store, step, begin):
    began = datetime(2026, 3, 4, 5, 6, 7, 890, tzinfo=UTC)
    row = execution("e", state=History.starting(began))
    await store.commit(Batch(executions={"e": row}))
    page = await store.charts.rows(asked(group("at", "START_DATE", step=step), COUNT))
    assert page.results == [{"at": begin, "n": 1}]


async def test_logs_metrics_flows_and_triggers_are_told(store):
    row = execution("e")
    written = line("hm", execution_id="e", level=LogLevel.WARN)
    measured = [
        Metric(
            execution_id="e",
            namespace=row.namespace,
            flow_id=row.flow_id,
            task_id="t",
            task_run_id="r",
            name="rows",
            kind=MetricKind.COUNTER,
            value=value,
            at=at(value),
        )
        for value in (1, 2)
    ]
    flows = [flow("a"), flow("a", 2), flow("b", deleted=True)]
    await store.commit(Batch(executions={"e": row}, logs=[written], metrics=measured, flows=flows))
    logs = await store.charts.rows(
        asked(group("level", "LEVEL"), group("text", "MESSAGE"), group("at", "DATE"), dataset=Dataset.LOGS)
    )
    assert logs.results == [{"level": "WARN", "text": "hm", "at": written.at}]
    metrics = await store.charts.rows(
        asked(
            group("name", "NAME"),
            ChartColumn(key="sum", field="VALUE", aggregate=Aggregate.SUM),
            ChartColumn(key="last", field="DATE", aggregate=Aggregate.MAX),
            dataset=Dataset.METRICS,
        )
    )
    # Instants of measurements are exact to the millisecond.
    last = at(2).replace(microsecond=at(2).microsecond // 1000 * 1000)
    assert metrics.results == [{"name": "rows", "sum": 3, "last": last}]
    found = await store.charts.rows(asked(group("id", "ID"), group("rev", "REVISION"), dataset=Dataset.FLOWS))
    assert found.results == [{"id": "a", "rev": 2}]
    triggers = await store.charts.rows(asked(group("id", "TRIGGER_ID"), COUNT, dataset=Dataset.TRIGGERS))
    assert (triggers.results, triggers.total) == ([], 0)
