"""Where statements end and parameters stand (plugins spec C1.2)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from batuta.plugins.jdbc.tokens import (
    MYSQL,
    POSTGRESQL,
    SQLITE,
    controls_transaction,
    split,
    tokens,
    with_parameters,
    with_places,
)


@pytest.mark.parametrize(
    ("dialect", "sql", "statements"),
    [
        (POSTGRESQL, "SELECT 1; SELECT 2;", ["SELECT 1", "SELECT 2"]),
        (POSTGRESQL, " ;; \n ; -- nothing\n; /* nothing */", []),
        (POSTGRESQL, "SELECT 'a;''b;'; SELECT \";\"", ["SELECT 'a;''b;'", 'SELECT ";"']),
        (
            POSTGRESQL,
            "-- first;\nSELECT 1 -- ;\n; /* ; */ SELECT 2",
            ["-- first;\nSELECT 1 -- ;", "/* ; */ SELECT 2"],
        ),
        (POSTGRESQL, "/* a /* b; */ c; */ SELECT 1; SELECT 2", ["/* a /* b; */ c; */ SELECT 1", "SELECT 2"]),
        (POSTGRESQL, "DO $$BEGIN x; END$$; SELECT $t$;$$;$t$", ["DO $$BEGIN x; END$$", "SELECT $t$;$$;$t$"]),
        (POSTGRESQL, r"SELECT E'\';'; SELECT '\'; SELECT 1", [r"SELECT E'\';'", r"SELECT '\'", "SELECT 1"]),
        (POSTGRESQL, "SELECT a[1], '];'; SELECT 1", ["SELECT a[1], '];'", "SELECT 1"]),
        (
            POSTGRESQL,
            "CREATE FUNCTION f() BEGIN ATOMIC SELECT CASE WHEN a THEN 1 END; SELECT 2; END; SELECT 3",
            [
                "CREATE FUNCTION f() BEGIN ATOMIC SELECT CASE WHEN a THEN 1 END; SELECT 2; END",
                "SELECT 3",
            ],
        ),
        (POSTGRESQL, "BEGIN; SELECT 1; END; SELECT 2", ["BEGIN", "SELECT 1", "END", "SELECT 2"]),
        (POSTGRESQL, "SELECT 'open; end", ["SELECT 'open; end"]),
        (MYSQL, r"SELECT 'a\';'; SELECT `;` # ;", [r"SELECT 'a\';'", "SELECT `;` # ;"]),
        (MYSQL, "SELECT 5--1; SELECT 2 -- ;", ["SELECT 5--1", "SELECT 2 -- ;"]),
        (
            MYSQL,
            "CREATE PROCEDURE p() BEGIN IF 1 THEN SELECT 1; END IF; CASE 1 WHEN 1 THEN SELECT; END CASE;"
            " WHILE 0 DO SELECT 3; END WHILE; BEGIN END; END; CALL p()",
            [
                "CREATE PROCEDURE p() BEGIN IF 1 THEN SELECT 1; END IF; CASE 1 WHEN 1 THEN SELECT; END CASE;"
                " WHILE 0 DO SELECT 3; END WHILE; BEGIN END; END",
                "CALL p()",
            ],
        ),
        (
            MYSQL,
            "BEGIN NOT ATOMIC SELECT 1; SELECT 2; END; SELECT 3",
            ["BEGIN NOT ATOMIC SELECT 1; SELECT 2; END", "SELECT 3"],
        ),
        (
            SQLITE,
            "CREATE TRIGGER x AFTER INSERT ON t BEGIN DELETE FROM t; END; SELECT [a;b]",
            ["CREATE TRIGGER x AFTER INSERT ON t BEGIN DELETE FROM t; END", "SELECT [a;b]"],
        ),
    ],
)
def test_a_text_is_split_where_statements_end(dialect, sql, statements):
    assert split(sql, dialect) == statements


def test_names_that_have_a_value_become_marks():
    sql = "SELECT :a, ':a', x::int, :b, '10:30' /* :a */, 5 % 2, v[1:2], :a_b"

    marked = with_parameters(sql, POSTGRESQL, {"a", "int"}, lambda name: f"%({name})s", percent="%%")

    assert marked == "SELECT %(a)s, ':a', x::int, :b, '10:30' /* :a */, 5 %% 2, v[1:2], :a_b"


def test_question_marks_become_places():
    assert (
        with_places("VALUES (?, '?', ?) -- ?", POSTGRESQL, lambda n: f"${n}") == "VALUES ($1, '?', $2) -- ?"
    )


@pytest.mark.parametrize(
    "sql", ["begin", "/* x */ COMMIT", "-- y\nROLLBACK TO a", "START  TRANSACTION READ ONLY"]
)
def test_statements_about_transactions_are_known(sql):
    assert controls_transaction(sql, POSTGRESQL)
    assert not controls_transaction(f"SELECT '{sql}'", POSTGRESQL)


@given(
    some.text(some.sampled_from("'\"`$;:?[]-/*#%\\\n aE1é_")),
    some.sampled_from([POSTGRESQL, MYSQL, SQLITE]),
)
def test_tokens_are_the_whole_text(sql, dialect):
    assert "".join(token.text for token in tokens(sql, dialect)) == sql
