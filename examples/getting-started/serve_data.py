"""Serves the bundled data on a free port of this machine, so that the pipeline has something to download."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

SERVED = Path(__file__).parent / "served"


class _Quiet(SimpleHTTPRequestHandler):
    """Serves files and says nothing about it."""

    def log_message(self, format: str, *args: object) -> None:
        """Write no line: the terminal belongs to the pipeline."""


@contextmanager
def serving_data() -> Iterator[str]:
    """The address of `orders.json`, for as long as the block lasts."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(SERVED))) as server:
        thread = Thread(target=server.serve_forever, daemon=True, name="example data")
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/orders.json"
        finally:
            server.shutdown()
            thread.join()


if __name__ == "__main__":
    with serving_data() as address:
        print(f"{address}  (Ctrl-C ends it)", flush=True)
        with suppress(KeyboardInterrupt):
            signal.pause()
