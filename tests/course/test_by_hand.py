"""Flows that participants start themselves: a small pipeline, and a month of taxi trips into PostgreSQL."""

from __future__ import annotations

import json

import pytest

from batuta.plugins.rows import read_row
from tests.course.world import Month, labels

TAXI_FLOWS = ["04_postgres_taxi", "2025/02_postgres_taxi"]


@pytest.mark.parametrize(
    ("name", "output"),
    [
        ("03_getting_started_data_pipeline", lambda outputs: outputs["outputs"][0]),
        ("2025/01_getting_started_data_pipeline", lambda outputs: outputs),
    ],
)
def test_the_first_pipeline_averages_prices_by_brand(course, name, output):
    execution = course.run(course.save(name))

    assert execution["state"]["current"] == "SUCCESS", course.told(execution)
    extract, transform, query = execution["taskRunList"]
    result = output(query["outputs"])
    stored = course.server.api.get(f"executions/{execution['id']}/file", params={"path": result["uri"]})
    rows = [read_row(line) for line in stored.content.splitlines()]
    assert extract["outputs"]["uri"].startswith("kestra:///zoomcamp/")
    assert {"data.json", "products.json"} <= set(transform["outputs"]["outputFiles"])
    assert result["size"] == len(rows) > 5
    assert all(row.keys() == {"brand", "avg_price"} for row in rows)
    prices = [row["avg_price"] for row in rows]
    assert prices == sorted(prices, reverse=True)


@pytest.mark.parametrize("name", TAXI_FLOWS)
@pytest.mark.parametrize("taxi", ["yellow", "green"])
def test_a_month_is_loaded_once_however_often_it_is_run(course, name, taxi):
    flow_id = course.save(name)
    month = Month(taxi, "2019-03")

    for _ in range(2):
        execution = course.run(flow_id, taxi=taxi, year="2019", month="03")
        assert execution["state"]["current"] == "SUCCESS", course.told(execution)

    assert labels(execution).items() >= {"file": month.file, "taxi": taxi}.items()
    assert course.database.rows(
        f"SELECT filename, count(*), count(DISTINCT unique_row_id) FROM {taxi}_tripdata GROUP BY 1"
    ) == [(month.file, month.records, month.records)]


def test_only_the_branch_of_the_taxi_runs_and_copies_every_line(course):
    execution = course.run(course.save("04_postgres_taxi"), taxi="green", month="05")

    runs = {run["taskId"]: run for run in execution["taskRunList"]}
    assert list(runs) == [
        "set_label",
        "extract",
        "if_yellow_taxi",
        "if_green_taxi",
        "green_create_table",
        "green_create_staging_table",
        "green_truncate_staging_table",
        "green_copy_in_to_staging_table",
        "green_add_unique_id_and_filename",
        "green_merge_data",
        "purge_files",
    ]
    copied = runs["green_copy_in_to_staging_table"]["outputs"]["rowCount"]
    assert copied == course.database.value("SELECT count(*) FROM green_tripdata_staging") > 0


def test_empty_fields_are_null(course):
    course.run(course.save("04_postgres_taxi"), taxi="green")

    assert course.database.value("SELECT count(*) FROM green_tripdata WHERE ehail_fee IS NOT NULL") == 0


def test_the_purge_leaves_no_file(course):
    execution = course.run(course.save("04_postgres_taxi"))

    (uri,) = course.file_uris(execution)
    gone = course.server.api.get(f"executions/{execution['id']}/file", params={"path": uri})
    purge = next(run for run in execution["taskRunList"] if run["taskId"] == "purge_files")
    assert gone.status_code in (404, 422), gone.text
    assert uri in json.dumps(purge["outputs"]["uris"])
    assert not [path for path in course.data.rglob("*.csv") if execution["id"].lower() in str(path).lower()]


def test_a_wrong_password_fails_the_task_and_says_so(course):
    source = course.source("04_postgres_taxi").replace(course.database.server.password, "root")
    flow_id = course.save_source(source)

    execution = course.run(flow_id, taxi="green")

    assert execution["state"]["current"] == "FAILED"
    assert 'password authentication failed for user "root"' in course.told(execution)
