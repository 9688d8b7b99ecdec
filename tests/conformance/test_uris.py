"""Names of stored files (stores spec §A17.1)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batuta.errors import InvalidRequest
from batuta.paths import checked_parts
from batuta.storage import uris


@pytest.mark.parametrize(
    ("id", "slug"),
    [
        ("04_postgres_taxi", "04-postgres-taxi"),
        ("Élan Vital!", "elan-vital"),
        ("__a--b__", "a-b"),
        ("a.b", "ab"),
        ("UPPER", "upper"),
    ],
)
def test_ids_become_parts_of_paths(id, slug):
    assert uris.slugify(id) == slug


def test_files_lie_where_the_layout_says():
    of = ("company.team", "my_flow", "e1")

    assert uris.execution(*of) == "kestra:///company/team/my-flow/executions/e1/"
    assert (
        uris.task_file(*of, "get_data", "run1", "a.csv")
        == "kestra:///company/team/my-flow/executions/e1/tasks/get-data/run1/a.csv"
    )
    assert (
        uris.input_file(*of, "my_file", "a.csv")
        == "kestra:///company/team/my-flow/executions/e1/inputs/my_file/a.csv"
    )
    assert uris.namespace_file("company.team", "/sql/a.sql") == "kestra:///company/team/_files/sql/a.sql"
    assert uris.cache("a.b", "my_flow", "my_task") == "kestra:///a/b/my-flow/my-task/cache/cache.zip"


@pytest.mark.parametrize(
    ("reference", "uri"),
    [
        ("kestra:///a/b/x.csv", "kestra:///a/b/x.csv"),
        ("nsfile:///sql/a.sql", "kestra:///company/team/_files/sql/a.sql"),
        ("nsfile://other.one/a.sql", "kestra:///other/one/_files/a.sql"),
        ("sql/a.sql", "kestra:///company/team/_files/sql/a.sql"),
        ("/sql/a.sql", "kestra:///company/team/_files/sql/a.sql"),
    ],
)
def test_every_form_of_reference_is_understood(reference, uri):
    assert uris.readable(reference, namespace="company.team") == uri


@pytest.mark.parametrize(
    "reference",
    [
        "s3://b/k",
        "file:///etc/passwd",
        "kestra://host/x",
        "kestra:///a/../b",
        "../x",
        "nsfile:///../../x",
        "",
    ],
)
def test_a_reference_to_anything_else_is_refused(reference):
    with pytest.raises(InvalidRequest):
        uris.readable(reference, namespace="company.team")


def test_it_is_known_to_whom_a_file_belongs():
    file = uris.task_file("a.b", "f", "e1", "t", "r", "x")

    assert uris.is_of_execution(file, "a.b", "f", "e1")
    assert not uris.is_of_execution(file, "a.b", "f", "e")
    assert not uris.is_of_execution(uris.execution("a.b", "f", "e1") + "../e2/tasks/t/r/x", "a.b", "f", "e1")
    assert uris.is_of_namespace(file, "a.b")
    assert not uris.is_of_namespace(file, "a")
    assert uris.is_of_namespace(uris.namespace_file("a", "b/executions/x"), "a")
    assert uris.namespace_of("kestra:///_messages/x") is None
    assert uris.namespace_of("file:///a/_files/x") is None


def test_a_uri_below_a_prefix_cannot_lead_out_of_it():
    prefix = uris.execution("a", "f", "e1")

    assert uris.uri_below(prefix, "x/y") == prefix + "x/y"
    with pytest.raises(InvalidRequest):
        uris.uri_below(prefix, "../x")


@pytest.mark.parametrize(
    ("given_name", "name"),
    [
        ("report 1.csv", "report+1.csv"),
        ("C:\\Users\\me\\a.txt", "a.txt"),
        ("../../etc/passwd", "passwd"),
        ("..", "file"),
        ("a\0b<c>.txt", "a-b-c-.txt"),
        ("con.txt", "file-con.txt"),
        ("Übersicht.csv", "Übersicht.csv"),
    ],
)
def test_a_given_file_name_becomes_fit_for_storage(given_name, name):
    assert uris.file_name(given_name) == name


@given(st.text(max_size=40))
def test_any_given_file_name_becomes_one_safe_part(name):
    safe = uris.file_name(name)

    assert checked_parts(safe) == [safe]
    assert uris.file_name(safe) == safe
