"""A weather station and a channel of Discord, both on this machine: what the flow asks, and whom it tells.

`GET /weather` answers with the temperature; what is posted to `/webhook` is printed.
"""

from __future__ import annotations

import argparse
import json
from contextlib import suppress
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Station(BaseHTTPRequestHandler):
    """One request."""

    def do_GET(self) -> None:
        """Tell the temperature, which follows the hour of the day."""
        if self.path != "/weather":
            self.send_error(404, "only /weather is here")
            return
        hour = datetime.now(UTC).hour
        weather = {"station": "Harbour", "temperature": 21.5 - abs(hour - 14) / 2}
        self.answer(200, json.dumps(weather).encode())

    def do_POST(self) -> None:
        """Print a message."""
        message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        print(f"{message.get('username')} says: {message.get('content')}", flush=True)
        self.answer(204)

    def answer(self, status: int, content: bytes = b"") -> None:
        """Answer with JSON, or with nothing."""
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Write no line: the terminal belongs to the messages."""


def main() -> None:
    """Serve until Ctrl-C."""
    options = argparse.ArgumentParser(
        description="A weather station, and a channel that prints its messages."
    )
    options.add_argument("--port", type=int, default=8010)
    with ThreadingHTTPServer(("127.0.0.1", options.parse_args().port), Station) as server:
        at = f"http://localhost:{server.server_port}"
        print(f"weather at {at}/weather, messages to {at}/webhook  (Ctrl-C ends it)", flush=True)
        with suppress(KeyboardInterrupt):
            server.serve_forever()


if __name__ == "__main__":
    main()
