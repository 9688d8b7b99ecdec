"""What `make run` does: a server with the examples, the pipeline on it, its result, and on it serves.

The server runs in the main thread, where signals arrive; a second one speaks to it over HTTP, as any client.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from threading import Thread

from serve_data import serving_data

from batuta.cli import address, following, serving
from batuta.cli.client import DEFAULT_SERVER, Client, print_table
from batuta.errors import BatutaError
from batuta.settings.tree import Settings

EXAMPLES = Path(__file__).resolve().parent.parent
NAMESPACE, FLOW = "examples", "getting-started"


def main() -> int:
    """Serve until Ctrl-C; the exit code says whether the server could start."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--port", type=int, default=8080)
    options.add_argument("--data", type=Path, default=Path(".batuta"))
    given = options.parse_args()
    with serving_data() as source:

        def ready(settings: Settings, _: object) -> None:
            Thread(target=show, args=(settings.base_url, source), daemon=True, name="pipeline").start()

        try:
            with address.listen("127.0.0.1", given.port) as listener:
                serving.serve(Settings(data_dir=given.data), listener, EXAMPLES, ready=ready)
        except address.AddressInUse as error:
            print(f"{error.what}; take another one with `make run PORT={given.port + 1}`", file=sys.stderr)
            return 1
        except BatutaError as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
    return 0


def show(address: str, source: str) -> None:
    """Run the pipeline on the server, show how it goes, and print its rows."""
    client = Client(address)
    try:
        created = client.post("executions", NAMESPACE, FLOW, files=[("source", (None, source.encode()))])
        last = following.follow(client, created["id"], "text")
        if last["state"]["current"] == "SUCCESS":
            print()
            print_rows(client, last["id"], last["outputs"]["rows"])
    except BatutaError as error:
        print(f"the pipeline could not run: {error}", file=sys.stderr)
    print(
        f"\nBatuta is ready at {address}; Ctrl-C ends it. Run the pipeline again from another terminal with"
    )
    server = "" if address == DEFAULT_SERVER else f" --server {address}"
    again = f".venv/bin/batuta execution create {NAMESPACE} {FLOW} -i source={source} --follow{server}"
    print(f"  {again}", flush=True)


def print_rows(client: Client, execution_id: str, uri: str) -> None:
    """The stored rows as a table."""
    content = client.content("executions", execution_id, "file", path=uri, format="JSONL")
    rows = [json.loads(line) for line in content.splitlines() if line.strip()]
    print_table(tuple(name.upper() for name in rows[0]), [tuple(row.values()) for row in rows])


if __name__ == "__main__":
    sys.exit(main())
