"""Bytes to lines."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as some

from batuta.worker import process
from batuta.worker.globs import is_glob, matcher
from batuta.worker.process import Lines


def read(*chunks: bytes) -> list[str]:
    lines = Lines()
    return [line for chunk in chunks for line in lines.feed(chunk)] + lines.rest()


@pytest.mark.parametrize(
    ("chunks", "lines"),
    [
        ([b"a\nb\n"], ["a", "b"]),
        ([b"a", b"b\n", b"c"], ["ab", "c"]),
        ([b"a\r\nb\r", b"\nc\r\n"], ["a", "b", "c"]),
        ([b"\n\n"], ["", ""]),
        ([b"\xc3", b"\xa9\n"], ["é"]),
        ([b"\xff\xfe\n"], ["��"]),
        ([b"progress 1\rprogress 2\n"], ["progress 1\rprogress 2"]),
        ([b""], []),
    ],
)
def test_lines(chunks, lines):
    assert read(*chunks) == lines


@given(some.binary(max_size=60), some.lists(some.integers(0, 60), max_size=5))
def test_where_the_chunks_are_cut_makes_no_difference(content, cuts):
    places = [0, *sorted(cuts), len(content)]
    chunks = [content[a:b] for a, b in pairwise(places)]

    assert read(*chunks) == read(content)


def test_a_line_without_end_cannot_fill_the_memory(monkeypatch):
    monkeypatch.setattr(process, "MOST_LINE_BYTES", 10)

    assert read(b"abcdefgh", b"ijklmnop", b"q\nnext\n") == ["abcdefghij ... 7 more bytes", "next"]


def test_what_stands_for_more_than_one_name():
    assert [is_glob(text) for text in ("a.txt", "*.txt", "a{b,c}", "[ab]", "regex:a")] == [
        False,
        True,
        True,
        True,
        True,
    ]


@pytest.mark.parametrize(
    ("pattern", "path", "fits"),
    [
        ("./a.txt", "a.txt", True),
        ("/work/x/a.txt", "a.txt", True),
        ("glob:/work/**/a.txt", "a.txt", True),
        ("[!a].txt", "b.txt", True),
        ("[!a].txt", "a.txt", False),
        ("a\\*.txt", "a*.txt", True),
        ("a\\*.txt", "ab.txt", False),
        ("a.txt", "axtxt", False),
        ("{a,b/**}.txt", "b/c/d.txt", True),
    ],
)
def test_globs(pattern, path, fits):
    assert matcher(pattern, "/work/x")(path) is fits
