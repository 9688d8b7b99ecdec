"""The scheduled flows, filled over a year: every month once, in order, one at a time, whatever happens."""

from __future__ import annotations

import signal
from itertools import pairwise

import pytest

from tests.course.world import NAMESPACE, Course, Month, labels, until
from tests.journeys.processes import Server, batuta

MONTHS = [f"2019-{month:02}" for month in range(1, 13)]
PATIENCE_SECONDS = 100.0


def fill(course: Course, flow_id: str) -> None:
    """Ask for the year 2019 of the green taxis."""
    done = batuta(
        *("backfill", "create", NAMESPACE, flow_id, "green_schedule"),
        *("--start", "2019-01-01T00:00:00Z", "--end", "2019-12-31T23:59:59Z"),
        *("--label", "backfill:true"),
        BATUTA_SERVER=course.server.url,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def wait_for(course: Course, flow_id: str, count: int) -> None:
    """Until so many executions are over."""
    until(
        lambda: sum("endDate" in each["state"] for each in course.executions(flow_id)) >= count,
        PATIENCE_SECONDS,
    )


def check_the_year(course: Course, flow_id: str) -> None:
    """Twelve executions, and in the database what their files have."""
    executions = [course.whole(each) for each in course.executions(flow_id)]
    wanted = [Month("green", month) for month in MONTHS]
    assert [each["trigger"]["variables"]["date"][:7] for each in executions] == MONTHS
    assert [each["state"]["current"] for each in executions] == ["SUCCESS"] * 12, course.told(executions[-1])
    for execution, month in zip(executions, wanted, strict=True):
        assert labels(execution).items() >= {"file": month.file, "taxi": "green", "backfill": "true"}.items()
    for earlier, later in pairwise(executions):
        assert earlier["state"]["endDate"] <= began(later)
    assert course.database.rows(
        "SELECT filename, count(*), count(DISTINCT unique_row_id) FROM green_tripdata GROUP BY 1 ORDER BY 1"
    ) == [(month.file, month.records, month.records) for month in wanted]


def began(execution) -> str:
    """When its first task began."""
    return min(run["state"]["startDate"] for run in execution["taskRunList"])


@pytest.mark.parametrize("name", ["05_postgres_taxi_scheduled", "2025/02_postgres_taxi_scheduled"])
def test_a_year_is_twelve_executions_in_order_and_one_at_a_time(course, name):
    flow_id = course.save(name)

    fill(course, flow_id)

    wait_for(course, flow_id, 12)
    check_the_year(course, flow_id)


def test_a_second_fill_adds_no_row(course):
    flow_id = course.save_source(
        course.source("05_postgres_taxi_scheduled").replace("id: 05_", "id: twice_", 1)
    )
    for round_ in (1, 2):
        fill(course, flow_id)
        wait_for(course, flow_id, 12 * round_)

    wanted = sum(Month("green", month).records for month in MONTHS)
    assert course.database.rows("SELECT count(*), count(DISTINCT unique_row_id) FROM green_tripdata") == [
        (wanted, wanted)
    ]


def test_without_a_trigger_the_file_has_no_name(course):
    source = course.source("05_postgres_taxi_scheduled").replace("id: 05_", "id: alone_", 1)
    flow_id = course.save_source(source)

    execution = course.run(flow_id, taxi="green")

    assert execution["state"]["current"] == "FAILED"
    assert "date" in course.told(execution)


@pytest.mark.timeout(240)
def test_no_month_is_lost_or_doubled_when_the_server_dies_again_and_again(tmp_path, files, postgres_server):
    database = postgres_server.create()
    course = Course(Server(tmp_path), tmp_path, files, database)
    try:
        flow_id = course.save("05_postgres_taxi_scheduled")
        fill(course, flow_id)
        for done in (1, 4, 7, 10):
            wait_for(course, flow_id, done)
            course.server.send(signal.SIGKILL)
            course.server.close()
            course = Course(Server(tmp_path), tmp_path, files, database)

        wait_for(course, flow_id, 12)
        check_the_year(course, flow_id)
    finally:
        course.server.close()
