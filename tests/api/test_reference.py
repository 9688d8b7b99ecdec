from __future__ import annotations

import re
from pathlib import Path

from batuta.web.app import RESOURCES
from batuta.web.routes import PREFIX

REFERENCE = Path(__file__).parents[2] / "docs" / "reference" / "rest.md"
_ROUTE = re.compile(r"`((?:(?:GET|POST|PUT|PATCH|DELETE) )+)(/[^`?]*)`")


def documented() -> set[tuple[str, str]]:
    """Method and path of every route that the reference names."""
    found = _ROUTE.findall(REFERENCE.read_text(encoding="utf-8").partition("## Routes")[2])
    return {(method, path) for methods, path in found for method in methods.split()}


def served() -> set[tuple[str, str]]:
    """Method and path of every route below the prefix, without the second form of actions."""
    routes = [route for resource in RESOURCES for route in resource.ROUTES]
    found = {
        (method, path.removeprefix(PREFIX).replace(":str}", "}"))
        for route in routes
        for path in route.paths
        for method in route.http_methods
        if "/actions/" not in path
    }
    return {(str(getattr(method, "value", method)), path) for method, path in found}


def test_every_route_is_in_the_reference():
    assert sorted(served() - documented()) == []


def test_the_reference_promises_no_route_that_is_not_there():
    root = {
        ("GET", path) for path in ("/ping", "/health", "/health/readiness", "/health/liveness", "/version")
    }

    assert sorted(documented() - served() - root) == []
