"""Row files: written by hand, read back by the library (triggers-and-stores spec A18)."""

from __future__ import annotations

import io
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from amazon.ion import simpleion
from hypothesis import given
from hypothesis import strategies as some

from batuta.errors import TaskError
from batuta.plugins.rows import RowWriter, read_row, read_rows


def written(*rows) -> str:
    file = io.BytesIO()
    writer = RowWriter(file)
    for row in rows:
        writer.write(row)
    return file.getvalue().decode()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (12, "12"),
        (1.5, "1.5e0"),
        (1e300, "1e+300"),
        (float("inf"), "+inf"),
        (Decimal("1.50"), "1.50"),
        (Decimal("12"), "12."),
        (Decimal("1E+5"), "1d5"),
        ('a"b\n', '"a\\"b\\n"'),
        (b"hi", "{{aGk=}}"),
        (date(2024, 1, 31), "2024-01-31"),
        (datetime(2024, 1, 31, 10, tzinfo=UTC), "2024-01-31T10:00:00.000Z"),
        (datetime(2024, 1, 31, 10, tzinfo=UTC).replace(tzinfo=None), 'LocalDateTime::"2024-01-31T10:00:00"'),
        (
            datetime(2024, 1, 31, 10, tzinfo=ZoneInfo("Europe/Paris")),
            'ZonedDateTime::"2024-01-31T10:00:00+01:00[Europe/Paris]"',
        ),
        (
            datetime(2024, 1, 31, 10, tzinfo=timezone(timedelta(hours=2))),
            'OffsetDateTime::"2024-01-31T10:00:00+02:00"',
        ),
        (time(10, 0), 'LocalTime::"10:00:00"'),
        ([1, {"x": None}], "[1,{x:null}]"),
        (timedelta(seconds=90), '"PT1M30S"'),
    ],
)
def test_a_value_is_written_and_read_back(value, text):
    line = written({"v": value})

    assert line == f"{{v:{text}}}\n"
    assert read_row(line.encode())["v"] == ("PT1M30S" if isinstance(value, timedelta) else value)


def test_names_that_are_no_identifiers_are_quoted():
    line = written({"plain_1": 1, "two words": 2, "it's": 3, "null": 4, "1st": 5})

    assert line == "{plain_1:1,'two words':2,'it\\'s':3,'null':4,'1st':5}\n"
    assert list(read_row(line.encode())) == ["plain_1", "two words", "it's", "null", "1st"]


def test_rows_may_be_lists_and_missing_rows_are_not_written():
    assert written([1, "a"], None, {"a": 1}) == '[1,"a"]\n{a:1}\n'


def test_many_rows_with_one_head(tmp_path):
    place = tmp_path / "rows.ion"
    with place.open("wb") as file:
        writer = RowWriter(file)
        writer.write_all(["id", "two words"], [(1, "a"), (2, None)])

    assert writer.count == 2
    assert list(read_rows(place)) == [{"id": 1, "two words": "a"}, {"id": 2, "two words": None}]


def test_plain_json_lines_are_rows(tmp_path):
    place = tmp_path / "rows.jsonl"
    place.write_text('{"a": 1.5, "b": [true]}\n\n{"a": "x"}\n')

    assert list(read_rows(place)) == [{"a": 1.5, "b": [True]}, {"a": "x"}]


def test_a_line_that_is_no_row_is_named(tmp_path):
    place = tmp_path / "rows.ion"
    place.write_text("{a:1}\n{{{\n")

    with pytest.raises(TaskError, match=r"line 2: `\{\{\{` is not a row"):
        list(read_rows(place))


texts = some.text(some.characters(exclude_categories=["Cs"]), max_size=6)
names = some.text("ab'\\ \n", max_size=4)
values = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats(allow_nan=False) | texts | some.binary(),
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(names, inner, max_size=3),
    max_leaves=10,
)


@given(
    some.dictionaries(some.text(some.characters(exclude_categories=["Cs"]), max_size=6), values, max_size=4)
)
def test_whatever_is_written_is_one_line_that_the_library_reads_alike(row):
    line = written(row)

    assert line.count("\n") == 1
    assert read_row(line.encode()) == row
    simpleion.loads(line, single_value=True)
