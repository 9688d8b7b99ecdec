"""HTTP tasks against a real server on the loopback."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from batuta.model.state import State

LARGE = b"0123456789abcdef" * 65_536


class Answers(BaseHTTPRequestHandler):
    """Says what it was asked, or what the path asks for."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def answer(self, code=200, body=b"", **headers):
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        length = int(self.headers.get("Content-Length", 0))
        sent = self.rfile.read(length)
        path = self.path.partition("?")[0]
        match path:
            case "/large.csv":
                self.answer(body=LARGE)
            case "/named":
                self.answer(body=b"x", Content_Disposition='attachment; filename="../my report[1].txt"')
            case "/empty":
                self.answer()
            case "/missing":
                self.answer(404, b"no such thing")
            case "/moved":
                self.answer(302, Location="/large.csv")
            case "/short":
                self.send_response(200)
                self.send_header("Content-Length", "100")
                self.end_headers()
                self.wfile.write(b"only this")
                self.close_connection = True
            case "/binary":
                self.answer(body=b"\xff\xfe\x00")
            case _:
                heard = {
                    "method": self.command,
                    "path": self.path,
                    "headers": {name.lower(): value for name, value in self.headers.items()},
                    "body": sent.decode("utf-8", "replace"),
                }
                self.answer(body=json.dumps(heard).encode(), Content_Type="application/json", X_Tag="a")

    do_POST = do_PUT = do_DELETE = do_GET


@pytest.fixture
def server():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def request(uri, **more):
    return {"type": "core.http.Request", "uri": uri, **more}


def download(uri, **more):
    return {"type": "core.http.Download", "uri": uri, **more}


async def heard(shop, task, **names):
    outcome = await shop.run(task, **names)
    assert outcome.state is State.SUCCESS, await shop.log()
    return json.loads(outcome.outputs["body"])


async def test_a_download_is_stored_and_measured(shop, server):
    outcome = await shop.run(download(f"{server}/large.csv"))

    outputs = outcome.outputs
    assert (outputs["code"], outputs["length"]) == (200, len(LARGE))
    assert outputs["uri"].endswith(".csv")
    assert await shop.content(outputs["uri"]) == LARGE
    assert await shop.metrics() == [("response.length", "counter", float(len(LARGE)), {})]


async def test_a_download_takes_the_name_that_the_server_gives_without_its_folders(shop, server):
    outcome = await shop.run(download(f"{server}/named"))

    assert outcome.outputs["uri"].rpartition("/")[2] == "my+report-5B1-5D.txt"


async def test_a_download_takes_the_name_that_the_flow_gives(shop, server):
    outcome = await shop.run(download(f"{server}/named", saveAs="mine.txt"))

    assert outcome.outputs["uri"].endswith("/mine.txt")


async def test_redirects_are_followed_unless_told_otherwise(shop, server):
    followed = await shop.run(download(f"{server}/moved"))
    stayed = await shop.run(
        download(f"{server}/moved", options={"followRedirects": False}, failOnEmptyResponse=False)
    )

    assert (followed.outputs["code"], stayed.outputs["code"]) == (200, 302)


async def test_an_empty_download_fails_unless_allowed(shop, server):
    failed = await shop.run(download(f"{server}/empty"))
    allowed = await shop.run(download(f"{server}/empty", failOnEmptyResponse=False))

    assert (failed.state, allowed.state) == (State.FAILED, State.SUCCESS)
    assert await shop.log() == ["WARN The answer is empty"]


async def test_an_answer_that_is_cut_short_fails(shop, server):
    assert (await shop.run(download(f"{server}/short"))).state is State.FAILED


async def test_a_failure_of_the_server_fails_the_task_with_its_words(shop, server):
    outcome = await shop.run(request(f"{server}/missing"))

    assert outcome.state is State.FAILED
    assert await shop.log() == ["ERROR Failed http request with response code '404' and body:\nno such thing"]


@pytest.mark.parametrize(
    "more",
    [{"options": {"allowFailed": True}}, {"allowFailed": True}, {"options": {"allowedResponseCodes": [404]}}],
)
async def test_a_failure_can_be_tolerated(shop, server, more):
    outcome = await shop.run(request(f"{server}/missing", **more))

    assert (outcome.outputs["code"], outcome.outputs["body"]) == (404, "no such thing")


async def test_with_allowed_codes_every_other_code_fails(shop, server):
    outcome = await shop.run(request(f"{server}/echo", options={"allowedResponseCodes": [201]}))

    assert outcome.state is State.FAILED


async def test_nobody_there_fails_with_the_address(shop):
    outcome = await shop.run(request("http://127.0.0.1:9/x"))

    assert outcome.state is State.FAILED
    assert (await shop.log())[0].startswith("ERROR The call of `http://127.0.0.1:9/x` failed: ")


async def test_what_is_sent(shop, server):
    said = await heard(
        shop,
        request(
            f"{server}/a b",
            method="POST",
            params={"q": "x y", "tags": ["a", "b"]},
            headers={"X-Run": "{{ taskrun.id }}"},
            body='{"day": "{{ inputs.day }}"}',
        ),
        inputs={"day": "monday"},
    )

    assert said["method"] == "POST"
    assert said["path"] == "/a%20b?q=x+y&tags=a&tags=b"
    assert said["headers"]["x-run"] == shop.last.inputs.run.id
    assert said["headers"]["content-type"] == "application/json; charset=UTF-8"
    assert said["body"] == '{"day": "monday"}'


async def test_the_headers_of_the_answer_are_lists(shop, server):
    outcome = await shop.run(request(f"{server}/echo"))

    assert outcome.outputs["headers"]["x-tag"] == ["a"]


@pytest.mark.parametrize(
    ("auth", "header"),
    [
        ({"type": "BASIC", "username": "u", "password": "p"}, "Basic dTpw"),
        ({"type": "BEARER", "token": "t0k"}, "Bearer t0k"),
    ],
)
async def test_authentication(shop, server, auth, header):
    said = await heard(shop, request(f"{server}/echo", options={"auth": auth}))

    assert said["headers"]["authorization"] == header


async def test_the_older_form_of_authentication(shop, server):
    options = {"basicAuthUser": "u", "basicAuthPassword": "p"}

    assert (await heard(shop, request(f"{server}/echo", options=options)))["headers"][
        "authorization"
    ] == "Basic dTpw"


async def test_a_form_is_urlencoded(shop, server):
    said = await heard(shop, request(f"{server}/echo", method="POST", formData={"a": "1 2", "b": 3}))

    assert said["body"] == "a=1+2&b=3"


async def test_a_multipart_form_uploads_stored_files(shop, server):
    stored = await shop.put("data.csv", "a,b\n1,2\n")

    said = await heard(
        shop,
        request(
            f"{server}/echo",
            method="POST",
            contentType="multipart/form-data",
            formData={"file": {"name": "sent.csv", "content": stored}, "other": stored, "note": "hi"},
        ),
    )

    assert said["headers"]["content-type"].startswith("multipart/form-data; boundary=")
    assert 'name="file"; filename="sent.csv"' in said["body"]
    assert "a,b\n1,2\n" in said["body"]
    assert 'name="note"' in said["body"]


async def test_a_body_that_is_no_text_suggests_a_download(shop, server):
    outcome = await shop.run(request(f"{server}/binary"))

    assert outcome.state is State.FAILED
    assert "io.kestra.plugin.core.http.Download" in (await shop.log())[0]


async def test_a_slow_server_meets_the_timeout(shop, server):
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent:
        uri = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        outcome = await shop.run(request(uri, options={"timeout": {"readIdleTimeout": "PT0.1S"}}))

    assert outcome.state is State.FAILED
    assert "ReadTimeout" in (await shop.log())[0]
