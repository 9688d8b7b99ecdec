"""Streams of events: how they are read, and what the task makes of them."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from batuta.model.state import State
from batuta.plugins.core.http.event_stream import EventStream, ServerEvent

TALK = b'data: {"delta": "Hel"}\n\n: still here\n\ndata: {"delta": "lo"}\n\n'


def events(*chunks: bytes) -> list[ServerEvent]:
    stream = EventStream()
    return [event for chunk in chunks for event in stream.feed(chunk)]


def test_an_event_has_a_name_an_id_and_lines_of_data():
    (event,) = events(b"event: stock\nid: 7\nretry: 1500\ndata: one\ndata:  two\n\n")

    assert event == ServerEvent(data="one\n two", name="stock", id="7", retry=1500)


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"])
def test_any_end_of_line_ends_a_line(end):
    assert events(b"data: a" + end + end + b"data: b" + end * 2 + b"\n")[:2] == [
        ServerEvent(data="a"),
        ServerEvent(data="b"),
    ]


def test_what_comes_in_pieces_is_put_together():
    pieces = [bytes([each]) for each in "data: grün\r\n\r\ndata: x\n\n".encode()]

    assert events(*pieces) == [ServerEvent(data="grün"), ServerEvent(data="x")]


def test_what_is_not_whole_at_the_end_is_dropped():
    assert events(b"data: whole\n\ndata: half\n") == [ServerEvent(data="whole")]


def test_an_id_holds_for_the_events_that_follow():
    assert [event.id for event in events(b"id: 1\ndata: a\n\ndata: b\n\n")] == ["1", "1"]


def test_comments_and_unknown_fields_do_no_harm():
    assert events(b": ping\n\nfoo: bar\ndata\n\n\n\n") == [
        ServerEvent(comment="ping"),
        ServerEvent(data=""),
    ]


@pytest.fixture
def stream():
    """An address per stream; `/endless` goes on until the client leaves."""

    class Streams(BaseHTTPRequestHandler):
        def log_message(self, *arguments):
            pass

        def do_GET(self):
            asked.append({name.lower(): value for name, value in self.headers.items()})
            if self.path == "/refused":
                self.send_error(503)
                return
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()
            if self.path != "/endless":
                self.wfile.write(CONTENTS[self.path])
                return
            try:
                number = 0
                while True:
                    self.wfile.write(f"id: {number}\ndata: {number}\n\n".encode())
                    self.wfile.flush()
                    number += 1
            except OSError:
                left.set()

        do_POST = do_GET

    asked: list[dict[str, str]] = []
    left = threading.Event()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Streams)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    server.url, server.asked, server.left = f"http://127.0.0.1:{server.server_address[1]}", asked, left
    yield server
    server.shutdown()
    server.server_close()


CONTENTS = {
    "/talk": TALK,
    "/gap": b'data: {"delta": "a"}\n\ndata: {"other": 1}\n\ndata: [DONE]\n\n',
    "/large": b"data: " + b"x" * 2_000 + b"\n\n",
}


def follow(url, **more):
    return {"type": "core.http.SseRequest", "uri": url, **more}


async def test_events_become_an_output(shop, stream):
    outcome = await shop.run(follow(f"{stream.url}/talk"))

    assert outcome.state is State.SUCCESS, await shop.log()
    assert outcome.outputs == {
        "uri": f"{stream.url}/talk",
        "size": 3,
        "events": [{"data": '{"delta": "Hel"}'}, {"comment": "still here"}, {"data": '{"delta": "lo"}'}],
    }
    assert stream.asked[0]["accept"] == "text/event-stream"
    assert await shop.metrics() == [("size", "counter", 3.0, {})]


@pytest.mark.parametrize("program", [".delta", "$.delta"])
async def test_texts_are_taken_out_and_joined(shop, stream, program):
    outcome = await shop.run(follow(f"{stream.url}/talk", concatJqExpression=program))

    assert outcome.outputs == {"uri": f"{stream.url}/talk", "size": 2, "result": "Hello"}


async def test_an_event_without_the_text_fails_the_task_unless_allowed(shop, stream):
    task = follow(f"{stream.url}/gap", concatJqExpression=".delta")

    failed = await shop.run(task)
    log = await shop.log()
    allowed = await shop.run({**task, "failedOnMissingJq": False})

    assert failed.state is State.FAILED
    assert log[0].startswith("ERROR concatJqExpression: event 2 has nothing at `.delta`\n  fix: ")
    assert (allowed.outputs["result"], allowed.outputs["size"]) == ("a", 3)


async def test_a_program_that_is_none_is_told(shop, stream):
    outcome = await shop.run(follow(f"{stream.url}/talk", concatJqExpression=".delta |"))

    assert outcome.state is State.FAILED
    assert (await shop.log())[0].startswith("ERROR concatJqExpression: event 1: ")


async def test_enough_events_end_an_endless_stream(shop, stream):
    outcome = await shop.run(follow(f"{stream.url}/endless", maxEvents=5))

    assert [event["id"] for event in outcome.outputs["events"]] == ["0", "1", "2", "3", "4"]
    assert stream.left.wait(10)


async def test_an_endless_stream_ends_with_the_time_of_the_task(shop, stream):
    outcome = await shop.run(follow(f"{stream.url}/endless", timeout="PT0.3S"))

    assert outcome.state is State.FAILED
    assert stream.left.wait(10)


async def test_more_than_fits_into_an_output_fails(shop, stream):
    outcome = await shop.run(follow(f"{stream.url}/large", options={"maxContentLength": 1000}))

    assert outcome.state is State.FAILED
    assert "The events have more than 1000 characters" in (await shop.log())[0]


async def test_a_refusal_fails_as_with_any_request(shop, stream):
    outcome = await shop.run(follow(f"{stream.url}/refused"))

    assert outcome.state is State.FAILED
    assert (await shop.log())[0].startswith("ERROR Failed http request with response code '503'")
