from __future__ import annotations

import tracemalloc
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from batuta.web import forms


class Sent:
    """A request, as far as reading its body goes."""

    def __init__(self, content_type: str, chunks: list[bytes], headers: dict[str, str] | None = None) -> None:
        self.headers = {"content-type": content_type, **(headers or {})}
        self._chunks = chunks

    async def stream(self) -> AsyncIterator[bytes]:
        for chunk in self._chunks:
            yield chunk


def multipart(*parts: bytes) -> bytes:
    return b"".join(b"--B\r\n" + part + b"\r\n" for part in parts) + b"--B--\r\n"


def field(name: str, value: str) -> bytes:
    return f'Content-Disposition: form-data; name="{name}"\r\n\r\n{value}'.encode()


FORM = "multipart/form-data; boundary=B"


async def read(*chunks: bytes, content_type: str = FORM) -> forms.Form:
    sent: Any = Sent(content_type, list(chunks))
    return await forms.form(sent)


@pytest.mark.parametrize("size", [1, 7, 10_000])
async def test_fields_and_files_however_they_arrive(size: int):
    text = multipart(
        field("a", "eins"),
        field("b.c", "zwei: ä\r\ndrei"),
        b'Content-Disposition: form-data; name="f"; filename="x.txt"\r\nContent-Type: text/plain\r\n\r\nfile',
    )

    with await read(*(text[at : at + size] for at in range(0, len(text), size))) as form:
        assert form.fields == [("a", "eins"), ("b.c", "zwei: ä\r\ndrei")]
        (upload,) = form.files
        assert (upload.name, upload.filename, upload.size, upload.source()) == ("f", "x.txt", 4, b"file")


async def test_a_large_file_costs_no_memory():
    chunk = b"x" * 65_536
    head = b'--B\r\nContent-Disposition: form-data; name="f"; filename="x"\r\n\r\n'
    sent: Any = Sent(FORM, [head, *[chunk] * 512, b"\r\n--B--\r\n"])
    tracemalloc.start()

    with await forms.form(sent) as form:
        _, peak = tracemalloc.get_traced_memory()
        source = form.files[0].source()
        assert isinstance(source, Path)
        assert source.stat().st_size == form.files[0].size == 512 * 65_536
    tracemalloc.stop()

    assert peak < 4 * 1024 * 1024
    assert not source.exists()


async def test_a_form_with_nothing_in_it():
    with await read(b"--B--\r\n") as form:
        assert form.fields == []
    with await read(content_type="") as form:
        assert form.fields == []


async def test_a_form_of_a_web_page():
    with await read(b"a=1&b=x+y&a=2", content_type="application/x-www-form-urlencoded") as form:
        assert form.fields == [("a", "1"), ("b", "x y"), ("a", "2")]


@pytest.mark.parametrize(
    ("chunks", "content_type"),
    [
        ([b'--B\r\nContent-Disposition: form-data; name="a"\r\n\r\nhalf'], FORM),
        ([b"not a form at all"], FORM),
        ([b"--B--\r\n"], "multipart/form-data"),
        ([b'{"a": 1}'], "application/json"),
        ([multipart(b'Content-Disposition: form-data; name="a"\r\n\r\n\xff')], FORM),
    ],
)
async def test_a_damaged_form_is_the_callers_error(chunks: list[bytes], content_type: str):
    with pytest.raises(forms.BadForm):
        await read(*chunks, content_type=content_type)


async def test_a_body_that_is_too_large_is_refused_before_it_is_read():
    sent: Any = Sent("", [b"x"], {"content-length": "1000"})

    with pytest.raises(forms.TooLarge, match="1000 bytes"):
        await forms.body(sent, most=10)
    with pytest.raises(forms.TooLarge, match="more than 10 bytes"):
        await forms.body(Sent("", [b"x" * 6, b"x" * 6]), most=10)  # type: ignore[arg-type]
