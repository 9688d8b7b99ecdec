"""Reading row files by hand gives what the library gives, or leaves the line to it."""

from __future__ import annotations

import io
from datetime import UTC, date, datetime, time
from decimal import Decimal

import pytest
from amazon.ion import simpleion
from hypothesis import given
from hypothesis import strategies as some

from batuta.plugins import row_text, rows

INSTANTS = some.datetimes(
    min_value=datetime(1000, 1, 2),  # noqa: DTZ001 - naive here, zoned by the strategy
    timezones=some.just(UTC),
).map(lambda moment: moment.replace(microsecond=moment.microsecond // 1000 * 1000))
SCALARS = (
    some.none()
    | some.booleans()
    | some.integers()
    | some.floats(allow_nan=False, allow_infinity=False)
    | some.decimals(allow_nan=False, allow_infinity=False)
    | some.text(some.characters(exclude_categories=["Cs"]))
    | some.binary()
    | some.dates(min_value=date(1000, 1, 1))
    | INSTANTS
    | some.datetimes()
    | some.times()
)
VALUES = some.recursive(
    SCALARS, lambda inner: some.lists(inner) | some.dictionaries(some.text(min_size=1), inner), max_leaves=8
)


def written(value):
    file = io.BytesIO()
    rows.RowWriter(file).write(value)
    return file.getvalue()


@given(some.dictionaries(some.text(some.characters(exclude_categories=["Cs"]), min_size=1), VALUES))
def test_what_is_read_by_hand_is_what_the_library_reads(row):
    line = written(row)

    found = row_text.parse(line.decode(), rows._annotated)

    if found is not row_text.UNKNOWN:
        wanted = rows._plain(simpleion.loads(line, single_value=True))
        assert found == wanted
        assert repr(found) == repr(wanted)


def test_ordinary_rows_are_read_by_hand():
    row = {
        "id": 1,
        "name": 'a "b"\n\\',
        "price": Decimal("1.50"),
        "ratio": 1.5,
        "yes": True,
        "nothing": None,
        "day": date(2024, 2, 3),
        "at": datetime(2024, 1, 1, 10, 0, tzinfo=UTC),
        "local": datetime(2024, 1, 1, 10, 0),  # noqa: DTZ001 - a local date has none
        "hour": time(10, 0),
        "raw": b"ab",
        "list": [1, [], {}],
        "with space": {"x": "y"},
    }

    assert row_text.parse(written(row).decode(), rows._annotated) == row


@pytest.mark.parametrize(
    "line",
    [
        "",
        "{",
        "{a:1",
        "{a:1}}",
        "{a:1} {b:2}",
        "[1,]",
        "{a:sym}",
        "(1 2)",
        "0x1F",
        "'''long'''",
        "null.int",
        "01",
        "{a:1,,b:2}",
    ],
)
def test_other_lines_are_left_to_the_library(line):
    assert row_text.parse(line, rows._annotated) is row_text.UNKNOWN
