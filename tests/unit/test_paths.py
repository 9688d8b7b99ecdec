"""The one guard between a given name and a place in a tree."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batuta.errors import InvalidRequest
from batuta.paths import MOST_BYTES, inside


@pytest.mark.parametrize(
    "name",
    ["a", "a/b/c.txt", "with blank/ü é.csv", ".hidden", "a..b", "...x", "100%.txt", "a%20b", "x" * 200],
)
def test_a_relative_name_leads_to_its_place(tmp_path, name):
    assert inside(tmp_path, name) == tmp_path / name


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", "empty"),
        ("/etc/passwd", "absolute"),
        ("..", "`..`"),
        ("a/../b", "`..`"),
        ("a/.", "`.`"),
        ("./a", "`.`"),
        ("a//b", "empty"),
        ("a/", "empty"),
        ("a\\b", "backslash"),
        ("..\\x", "backslash"),
        ("C:", "drive"),
        ("c:/windows", "drive"),
        ("a/c:x", "drive"),
        ("a\0b", "control"),
        ("a\nb", "control"),
        ("\x7f", "control"),
        ("\ud800", "Unicode"),
        ("%2e%2e", "percent"),
        ("a/%2E%2e/b", "percent"),
        ("a%2fb", "percent"),
        ("a%5Cb", "percent"),
        ("a%00", "percent"),
        ("%252e%252e", "percent"),
        ("..%2fx", "percent"),
        ("CON", "device"),
        ("a/nul.txt", "device"),
        ("com1.tar.gz", "device"),
        ("aux .txt", "device"),
        ("name.", "dot"),
        ("name ", "blank"),
        ("x" * (MOST_BYTES + 1), "longer"),
    ],
)
def test_a_dangerous_name_is_refused(tmp_path, name, reason):
    with pytest.raises(InvalidRequest) as refused:
        inside(tmp_path, name)

    assert reason in str(refused.value)
    assert "\n  fix:" in str(refused.value)


def test_a_flat_name_has_one_part(tmp_path):
    assert inside(tmp_path, "a", flat=True) == tmp_path / "a"
    with pytest.raises(InvalidRequest, match="folders"):
        inside(tmp_path, "a/b", flat=True)


def test_a_link_may_lead_inside_but_not_outside(tmp_path):
    root = tmp_path / "root"
    (root / "real").mkdir(parents=True)
    (tmp_path / "outside").mkdir()
    (tmp_path / "rooted").mkdir()
    (root / "good").symlink_to("real")
    (root / "bad").symlink_to(tmp_path / "outside")
    (root / "real" / "file").symlink_to("../../outside/file")
    (root / "sibling").symlink_to(tmp_path / "rooted")
    (root / "loop").symlink_to("loop")

    assert inside(root, "good/new") == root / "good" / "new"
    for name in ("bad", "bad/x", "real/file", "good/file", "sibling/x"):
        with pytest.raises(InvalidRequest, match="symbolic link"):
            inside(root, name)


def test_the_root_itself_may_be_a_link_and_need_not_exist(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "root").symlink_to("real")

    assert inside(tmp_path / "root", "a/b") == tmp_path / "root" / "a" / "b"
    assert inside(tmp_path / "later", "a") == tmp_path / "later" / "a"


_parts = st.sampled_from(
    ["..", ".", "", "a", "b.txt", "%2e%2e", "%2f", "\\", "C:", "\0", "NUL", "/", " ", "é", "~", "%"]
)


@given(st.one_of(st.text(max_size=30), st.lists(_parts, max_size=6).map("/".join)))
def test_whatever_the_name_the_place_is_inside_or_the_name_is_refused(tmp_path_factory, name):
    root = tmp_path_factory.getbasetemp() / "root"
    try:
        place = inside(root, name)
    except InvalidRequest:
        return

    assert place != root
    assert place.is_relative_to(root)
    assert os.path.normpath(place) == str(place)
    assert ".." not in place.parts[len(root.parts) :]
