"""HTTP tasks against a real server on the loopback."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from batuta.model.state import State
from tests.support.tls import certificate

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
        if self.command != "HEAD":
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

    do_POST = do_PUT = do_DELETE = do_HEAD = do_GET


@contextmanager
def serving(handler, tls=None):
    """A server on a free port; gives its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http{'s' if tls else ''}://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def server():
    with serving(Answers) as address:
        yield address


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


async def test_an_answer_that_is_too_large_suggests_a_download_or_another_limit(shop, server):
    failed = await shop.run(request(f"{server}/large.csv", options={"maxContentLength": 1000}))
    log = await shop.log()
    allowed = await shop.run(request(f"{server}/large.csv", options={"maxContentLength": 2_000_000}))

    assert (failed.state, allowed.state) == (State.FAILED, State.SUCCESS)
    assert log[0].startswith(
        "ERROR The answer has more than 1000 bytes\n  fix: use io.kestra.plugin.core.http.D"
    )


async def test_a_body_can_be_kept_encrypted(shop, server):
    outcome = await shop.run(
        request(
            f"{server}/missing", options={"allowFailed": True, "logs": ["RESPONSE_BODY"]}, encryptBody=True
        )
    )

    told, kept = outcome.told()
    assert "body" not in told
    assert told["encryptedBody"]["type"] == "io.kestra.datatype:aes_encrypted"
    assert outcome.outputs["encryptedBody"] == "no such thing"
    assert len(kept) == 1
    assert await shop.log() == ["INFO response body: ******"]


async def test_a_login_in_the_address_is_not_shown(shop, server):
    address = server.replace("http://", "http://ada:s3cret@")

    said = await shop.run(request(f"{address}/echo"))
    assert said.outputs["uri"] == f"{server}/echo"
    assert json.loads(said.outputs["body"])["headers"]["authorization"] == "Basic YWRhOnMzY3JldA=="
    await shop.run(request("http://ada:s3cret@127.0.0.1:9/x"))
    assert (await shop.log())[0].startswith("ERROR The call of `http://127.0.0.1:9/x` failed: ")


async def test_logged_headers_do_not_say_who_asks(shop, server):
    await shop.run(
        request(
            f"{server}/echo",
            headers={"Authorization": "Bearer t0k", "X-Tag": "b"},
            options={"logs": ["REQUEST_HEADERS", "REQUEST_BODY", "RESPONSE_HEADERS"]},
            body="hello",
            method="POST",
        )
    )

    asked, body, answered = await shop.log()
    assert "'authorization': '******'" in asked
    assert "'x-tag': 'b'" in asked
    assert body == "INFO request body: hello"
    assert answered.startswith("INFO response headers: {")
    assert "t0k" not in asked


async def test_a_form_field_may_be_a_text_that_looks_like_a_file(shop, server):
    said = await heard(
        shop,
        request(
            f"{server}/echo",
            method="POST",
            contentType="multipart/form-data",
            formData={"file": {"name": "hi.txt", "content": "hello"}, "more": {"a": [1, 2]}},
        ),
    )

    assert 'name="file"; filename="hi.txt"' in said["body"]
    assert '{"a":[1,2]}' in said["body"]


async def test_digest_authentication(shop):
    class Digest(Answers):
        def do_GET(self):
            given = self.headers.get("Authorization", "")
            if given.startswith("Digest ") and 'username="u"' in given and 'realm="r"' in given:
                self.answer(body=b"in")
            else:
                self.answer(401, WWW_Authenticate='Digest realm="r", nonce="n", qop="auth", algorithm=MD5')

    with serving(Digest) as server:
        auth = {"type": "DIGEST", "username": "u", "password": "p"}
        outcome = await shop.run(request(server, options={"auth": auth}))

    assert outcome.outputs["body"] == "in"


async def test_a_proxy_carries_the_request_with_its_own_login(shop):
    seen = []

    class Proxy(Answers):
        def do_GET(self):
            seen.append((self.path, self.headers.get("Proxy-Authorization")))
            self.answer(body=b"by way of a proxy")

    with serving(Proxy) as proxy:
        port = int(proxy.rpartition(":")[2])
        where = {"type": "HTTP", "address": "127.0.0.1", "port": port, "username": "u", "password": "p"}
        newer = await shop.run(request("http://nowhere.example/x", options={"proxy": where}))
        older = {"proxyType": "HTTP", "proxyAddress": "127.0.0.1", "proxyPort": port}
        await shop.run(request("http://nowhere.example/y", options=older))

    assert newer.outputs["body"] == "by way of a proxy"
    assert seen == [("http://nowhere.example/x", "Basic dTpw"), ("http://nowhere.example/y", None)]


async def test_a_certificate_that_nobody_knows_is_refused_unless_told_otherwise(shop, tmp_path):
    with serving(Answers, tls=certificate(tmp_path)) as server:
        refused = await shop.run(request(f"{server}/echo"))
        log = await shop.log()
        trusted = await shop.run(
            request(f"{server}/echo", options={"ssl": {"insecureTrustAllCertificates": True}})
        )
        older = await shop.run(request(f"{server}/echo", sslOptions={"insecureTrustAllCertificates": True}))

    assert (refused.state, trusted.state, older.state) == (State.FAILED, State.SUCCESS, State.SUCCESS)
    assert "CERTIFICATE_VERIFY_FAILED" in log[0]


async def test_a_head_request_downloads_nothing_and_complains_not_about_the_length(shop, server):
    outcome = await shop.run(download(f"{server}/large.csv", method="HEAD", failOnEmptyResponse=False))

    assert outcome.state is State.SUCCESS, await shop.log()


async def test_endless_redirects_are_told(shop):
    class Round(Answers):
        def do_GET(self):
            self.answer(302, Location="/again")

    with serving(Round) as server:
        outcome = await shop.run(request(server))

    assert outcome.state is State.FAILED
    assert "redirects" in (await shop.log())[0].lower()


@pytest.mark.parametrize("uri", ["nowhere", "ftp://127.0.0.1/x", "http://[::1"])
async def test_what_is_no_address_is_told(shop, uri):
    outcome = await shop.run(request(uri))

    assert outcome.state is State.FAILED
    assert f"`{uri}`" in (await shop.log())[0]


async def test_a_proxy_that_needs_a_library_says_which_one(shop, monkeypatch):
    monkeypatch.setitem(sys.modules, "socksio", None)

    outcome = await shop.run(
        request("http://nowhere.example", options={"proxy": {"type": "SOCKS", "address": "h", "port": 1}})
    )

    assert outcome.state is State.FAILED
    assert await shop.log() == [
        "ERROR `a SOCKS proxy` needs an optional library that is not installed\n"
        "  fix: run `pip install 'batuta[socks]'`"
    ]


def test_several_tasks_may_be_the_first_to_need_the_library():
    program = """
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from batuta.plugins.core.http.calling import library

start = Barrier(8)
sys.setswitchinterval(1e-6)

def ask(number):
    start.wait()
    return library()

with ThreadPoolExecutor(8) as pool:
    assert len(set(pool.map(ask, range(8)))) == 1
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
