"""A call whose answer is a file."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Annotated
from urllib.parse import unquote

from msgspec import Meta

from batuta import ids
from batuta.errors import TaskError
from batuta.plugin import task
from batuta.plugin.context import RunContext
from batuta.plugin.registry import plugin
from batuta.plugins.core.http.calling import HttpTask, header_lists

if TYPE_CHECKING:
    import httpx

_EXTENDED_NAME = re.compile(r"filename\*\s*=\s*[\w-]*'[^']*'([^;]+)", re.IGNORECASE)
_NAME = re.compile(r'filename\s*=\s*("(?:[^"\\]|\\.)*"|[^;]+)', re.IGNORECASE)
_MOST_SUFFIX_CHARACTERS = 12


@plugin("io.kestra.plugin.core.http.Download")
class Download(HttpTask):
    """Download a file into the internal storage.

    ```yaml
    id: extract
    type: io.kestra.plugin.core.http.Download
    uri: http://localhost:8000/products.json
    ```
    """

    fail_on_empty_response: Annotated[bool, Meta(description="Fail when the answer is empty.")] = True
    save_as: Annotated[str | None, Meta(description="Name of the stored file.")] = None

    class Output(task.Output, frozen=True):
        """The file."""

        uri: Annotated[str, Meta(description="URI of the stored file.")]
        code: Annotated[int, Meta(description="Status code.")]
        length: Annotated[int, Meta(description="Bytes.")]
        headers: Annotated[dict[str, list[str]], Meta(description="Response headers.")]

    async def run(self, ctx: RunContext) -> Output:
        """Stream the answer into a file, and store that."""
        target = ctx.files.working_dir / ids.random_id()
        async with self.exchange(ctx) as answer:
            length = 0
            with target.open("wb") as file:
                async for chunk in answer.aiter_bytes():
                    file.write(chunk)
                    length += len(chunk)
            expected = answer.headers.get("Content-Length")
            whole = expected is None or "Content-Encoding" in answer.headers or self.method.upper() == "HEAD"
            if not whole and int(expected) != length:
                raise TaskError(f"The answer has {length} bytes, but {expected} were announced")
            if length == 0:
                if self.fail_on_empty_response:
                    raise TaskError(
                        "No response from server", mend="set `failOnEmptyResponse: false` to allow it"
                    )
                ctx.log.warn("The answer is empty")
            uri = await ctx.files.put(target, self.save_as or file_name(answer))
            target.unlink()
            ctx.metrics.count("response.length", length)
            return self.Output(uri=uri, code=answer.status_code, length=length, headers=header_lists(answer))


def file_name(answer: httpx.Response) -> str:
    """The name that the server gives, else a random one with the address's extension."""
    disposition = answer.headers.get("Content-Disposition", "")
    extended, simple = _EXTENDED_NAME.search(disposition), _NAME.search(disposition)
    if extended or simple:
        match = extended or simple
        assert match is not None
        given = unquote(match[1].strip()) if extended else match[1].strip().strip('"').replace('\\"', '"')
        name = PurePosixPath(given.replace("\\", "/")).name
        if name not in ("", ".", ".."):
            return name.replace("[", "%5B").replace("]", "%5D").replace(" ", "+")
    suffix = PurePosixPath(answer.url.path).suffix
    if not re.fullmatch(r"\.[A-Za-z0-9]+", suffix) or len(suffix) > _MOST_SUFFIX_CHARACTERS:
        suffix = ".tmp"
    return ids.random_id() + suffix
