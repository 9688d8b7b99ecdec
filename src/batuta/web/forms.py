"""Bodies: plain ones with a bound, and forms that are read while they arrive.

Text fields of a form stay in memory; files move to a temporary file once they are larger than a small
buffer, so a request of any size costs the same memory (API spec §1).
"""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import IO, Any

import msgspec
from litestar import Request
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from batuta.errors import RequestError

MOST_TEXT_BYTES = 64 * 1024 * 1024
"""Most bytes of a body that is read as a whole, and of all text fields of a form together."""
MOST_PARTS = 10_000
BUFFER_BYTES = 256 * 1024
"""A file up to this size stays in memory."""


class BadForm(RequestError):
    """The body is not what its content type says."""

    code = "request.invalid-body"


class TooLarge(RequestError):
    """The body is larger than this route reads."""

    code = "request.too-large"


class Upload(msgspec.Struct):
    """A file of a form."""

    name: str
    filename: str
    size: int = 0
    spool: Any = None

    def source(self) -> Path | bytes:
        """The content: bytes, or the path of a file that goes when the form is closed."""
        self.spool.flush()
        path = getattr(self.spool, "path", None)
        if path is not None:
            return Path(path)
        content: bytes = self.spool.getvalue()
        return content

    def read(self, most: int = MOST_TEXT_BYTES) -> bytes:
        """The whole content of a file that must be small."""
        if self.size > most:
            raise TooLarge(f"the file `{self.filename}` has {self.size} bytes; at most {most} are read here")
        source = self.source()
        return source.read_bytes() if isinstance(source, Path) else source


class _Spool:
    """Bytes in memory, and in a temporary file once there are many."""

    def __init__(self) -> None:
        self._memory = bytearray()
        self._file: IO[bytes] | None = None
        self.path: str | None = None

    def write(self, chunk: bytes) -> None:
        if self._file is None and len(self._memory) + len(chunk) > BUFFER_BYTES:
            self._file = tempfile.NamedTemporaryFile(prefix="batuta-upload-")  # noqa: SIM115 - closed with the form
            self.path = self._file.name
            self._file.write(self._memory)
            self._memory = bytearray()
        if self._file is not None:
            self._file.write(chunk)
        else:
            self._memory += chunk

    @property
    def on_disk(self) -> bool:
        return self._file is not None

    def getvalue(self) -> bytes:
        return bytes(self._memory)

    def flush(self) -> None:
        if self._file is not None:
            self._file.flush()

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


class Form:
    """Text fields in order, and files. Close it when the files are not needed any more."""

    def __init__(self) -> None:
        self.fields: list[tuple[str, str]] = []
        self.files: list[Upload] = []

    def __enter__(self) -> Form:
        return self

    def __exit__(self, *_: object) -> None:
        for upload in self.files:
            upload.spool.close()


async def body(request: Request[Any, Any, Any], most: int = MOST_TEXT_BYTES) -> bytes:
    """The whole body."""
    announced = request.headers.get("content-length")
    if announced is not None and announced.isdigit() and int(announced) > most:
        raise TooLarge(f"the body has {announced} bytes; at most {most} are read here")
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > most:
            raise TooLarge(f"the body has more than {most} bytes")
        chunks.append(chunk)
    return b"".join(chunks)


async def text(request: Request[Any, Any, Any], most: int = MOST_TEXT_BYTES) -> str:
    """The whole body as text."""
    return decoded(await body(request, most))


def decoded(content: bytes) -> str:
    """Bytes as UTF-8 text."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadForm(f"the body is not UTF-8 text (byte {error.start})") from None


async def json(request: Request[Any, Any, Any], kind: Any) -> Any:
    """The whole body as JSON of a type."""
    content = await body(request)
    try:
        return msgspec.json.decode(content or b"null", type=kind)
    except msgspec.ValidationError as error:
        raise BadForm(f"the body does not fit: {error}") from None
    except msgspec.DecodeError as error:
        raise BadForm(f"the body is not JSON: {error}") from None


def media_type(request: Request[Any, Any, Any]) -> str:
    """The content type without its options; empty where there is none."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def form(request: Request[Any, Any, Any]) -> Form:
    """The form that a request carries: multipart, or URL-encoded; an empty one where there is no body."""
    written = request.headers.get("content-type", "")
    kind = media_type(request)
    if kind == "multipart/form-data":
        return await _multipart(request, written)
    found = Form()
    content = await body(request)
    if kind == "application/x-www-form-urlencoded" and content:
        from urllib.parse import parse_qsl

        found.fields = parse_qsl(decoded(content), keep_blank_values=True)
    elif content.strip():
        raise BadForm(
            "inputs must be sent as a form", mend="send them as multipart/form-data, one part for each input"
        )
    return found


async def _multipart(request: Request[Any, Any, Any], content_type: str) -> Form:
    _, options = parse_options_header(content_type)
    boundary = options.get(b"boundary")
    if not boundary:
        raise BadForm("the content type multipart/form-data lacks its boundary")
    reading = _Reading()
    began = False
    try:
        parser = MultipartParser(boundary, reading.callbacks())  # type: ignore[arg-type]
        async for chunk in request.stream():
            if not chunk:
                continue
            began = True
            if reading.on_disk:
                await asyncio.to_thread(parser.write, chunk)
            else:
                parser.write(chunk)
        parser.finalize()
    except FormParserError as error:
        reading.form.__exit__()
        raise BadForm(f"the form is damaged: {error}") from None
    except BaseException:
        reading.form.__exit__()
        raise
    if began and not reading.complete:
        reading.form.__exit__()
        raise BadForm("the form is damaged: it ends in the middle of a part")
    return reading.form


class _Reading:
    """Receives what the parser finds."""

    def __init__(self) -> None:
        self.form = Form()
        self.complete = False
        self._header_name = b""
        self._header_value = b""
        self._disposition = b""
        self._field: str = ""
        self._value = bytearray()
        self._upload: Upload | None = None
        self._text_bytes = 0
        self._parts = 0

    @property
    def on_disk(self) -> bool:
        """A file is being written to the disk, so the next chunk belongs in a thread."""
        return self._upload is not None and self._upload.spool.on_disk

    def callbacks(self) -> dict[str, Any]:
        """By the names that the parser knows."""
        return {
            "on_part_begin": self._begin,
            "on_part_data": self._data,
            "on_part_end": self._end,
            "on_header_field": self._name,
            "on_header_value": self._text,
            "on_header_end": self._header,
            "on_headers_finished": self._headers,
            "on_end": self._over,
        }

    def _begin(self) -> None:
        self._parts += 1
        if self._parts > MOST_PARTS:
            raise TooLarge(f"the form has more than {MOST_PARTS} parts")
        self._disposition = b""
        self._upload = None
        self._value = bytearray()

    def _name(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def _text(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def _header(self) -> None:
        if self._header_name.lower() == b"content-disposition":
            self._disposition = self._header_value
        self._header_name = self._header_value = b""

    def _headers(self) -> None:
        _, options = parse_options_header(self._disposition)
        self._field = options.get(b"name", b"").decode("utf-8", "replace")
        if b"filename" in options:
            filename = options[b"filename"].decode("utf-8", "replace")
            self._upload = Upload(self._field, filename, spool=_Spool())
            self.form.files.append(self._upload)

    def _data(self, data: bytes, start: int, end: int) -> None:
        chunk = data[start:end]
        if self._upload is not None:
            self._upload.size += len(chunk)
            self._upload.spool.write(chunk)
            return
        self._text_bytes += len(chunk)
        if self._text_bytes > MOST_TEXT_BYTES:
            raise TooLarge(f"the text fields of the form have more than {MOST_TEXT_BYTES} bytes")
        self._value += chunk

    def _end(self) -> None:
        if self._upload is None:
            self.form.fields.append((self._field, decoded(bytes(self._value))))

    def _over(self) -> None:
        self.complete = True
