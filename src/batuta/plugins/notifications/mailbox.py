"""Mail that has come: a look into a mailbox over IMAP or POP3, from where an earlier look ended.

`imaplib` and `poplib` block, so everything here belongs on a thread. A position says where a look ended, as
JSON data: with IMAP the highest number (UID) and what makes numbers valid, with POP3 the names of all mails.
"""

from __future__ import annotations

import email
import imaplib
import poplib
import select
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC
from email.message import EmailMessage
from email.policy import default as POLICY
from email.utils import getaddresses
from enum import StrEnum
from typing import Any, NamedTuple

import msgspec

from batuta import iso8601
from batuta.errors import TaskError
from batuta.plugin.trigger import SourceDown

MOST_LETTERS = 100
"""Most mails of one look; the others are for the next one."""
SLICE_SECONDS = 0.5
"""How often a wait looks whether it is to end."""
_SECONDS = 30.0
_GOODBYE_SECONDS = 2.0


class Protocol(StrEnum):
    """How a mailbox is read."""

    IMAP = "IMAP"
    POP3 = "POP3"


PORTS = {
    (Protocol.IMAP, True): 993,
    (Protocol.IMAP, False): 143,
    (Protocol.POP3, True): 995,
    (Protocol.POP3, False): 110,
}


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """Which mailbox."""

    protocol: Protocol
    host: str
    port: int
    username: str
    password: str
    folder: str
    encrypted: bool
    trust_all: bool


class Letter(NamedTuple):
    """A mail, with a name that it keeps."""

    id: str
    content: bytes


class Look(NamedTuple):
    """What a look has found, oldest first, and where it ended."""

    letters: list[Letter]
    position: Any


class Imap:
    """An open folder."""

    def __init__(self, connection: imaplib.IMAP4, folder: str) -> None:
        self._connection = connection
        state, said = connection.select(_quoted(folder), readonly=True)
        if state != "OK":
            raise TaskError(f"`{folder}` cannot be opened: {_words(said)}", where="folder")
        _, (validity,) = connection.response("UIDVALIDITY")
        self._validity = int(validity or 0)

    def look(self, position: Any) -> Look:
        """Mails after a position; without one, or one of another numbering, none and the present position."""
        known = (
            position if isinstance(position, dict) and position.get("validity") == self._validity else None
        )
        start = 1 if known is None else int(known["uid"]) + 1
        _, found = self._connection.uid("SEARCH", f"UID {start}:*")
        # `n:*` always names the last mail, also where its number is smaller.
        numbers = sorted(int(each) for each in (found[0] or b"").split() if int(each) >= start)
        if known is None:
            return Look([], self._position(numbers[-1] if numbers else 0))
        numbers = numbers[:MOST_LETTERS]
        letters = [Letter(f"{self._validity}:{uid}", self._content(uid)) for uid in numbers]
        return Look(letters, self._position(numbers[-1] if numbers else start - 1))

    def wait(self, seconds: float, stopped: Callable[[], bool]) -> None:
        """Return when the server tells of something (RFC 2177), after some time, or once `stopped`."""
        connection = self._connection
        if "IDLE" not in connection.capabilities:
            _pause(seconds, stopped)
            connection.noop()
            return
        tag = connection._new_tag()
        connection.send(tag + b" IDLE\r\n")
        waited = 0.0
        while not (line := connection.readline()).startswith(b"+"):
            if not line.startswith(b"*"):
                raise SourceDown(f"the server does not wait: {_words(line)}")
            waited = seconds  # there is news already
        while waited < seconds and not stopped() and not _has_news(connection):
            waited += SLICE_SECONDS
        connection.send(b"DONE\r\n")
        while (line := connection.readline()) and not line.startswith(tag):
            pass

    def _position(self, uid: int) -> dict[str, int]:
        return {"validity": self._validity, "uid": uid}

    def _content(self, uid: int) -> bytes:
        _, parts = self._connection.uid("FETCH", str(uid), "(BODY.PEEK[])")
        return b"".join(part[1] for part in parts if isinstance(part, tuple))


@contextmanager
def imap(source: Source) -> Iterator[Imap]:
    """An open folder, until the context ends."""
    with _errors(source, imaplib.IMAP4.error):
        connection = (
            imaplib.IMAP4_SSL(source.host, source.port, ssl_context=_certificates(source), timeout=_SECONDS)
            if source.encrypted
            else imaplib.IMAP4(source.host, source.port, timeout=_SECONDS)
        )
        try:
            try:
                connection.login(source.username, source.password)
            except imaplib.IMAP4.error as error:
                raise _refused(source, error) from None
            yield Imap(connection, source.folder)
        finally:
            with suppress(OSError, imaplib.IMAP4.error):
                connection.sock.settimeout(_GOODBYE_SECONDS)
                connection.logout()


def look(source: Source, position: Any) -> Look:
    """Connect, look, leave.

    Raises:
        SourceDown: the server cannot be reached.
        TaskError: it refuses the login, or there is no such folder.
    """
    if source.protocol is Protocol.IMAP:
        with imap(source) as folder:
            return folder.look(position)
    return _look_by_pop3(source, position)


def _look_by_pop3(source: Source, position: Any) -> Look:
    with _errors(source, poplib.error_proto):
        connection = (
            poplib.POP3_SSL(source.host, source.port, timeout=_SECONDS, context=_certificates(source))
            if source.encrypted
            else poplib.POP3(source.host, source.port, timeout=_SECONDS)
        )
        try:
            try:
                connection.user(source.username)
                connection.pass_(source.password)
            except poplib.error_proto as error:
                raise _refused(source, error) from None
            names = [line.decode("ascii", "replace").split() for line in connection.uidl()[1]]
            present = [name for _, name in names]
            if not isinstance(position, dict) or "seen" not in position:
                return Look([], {"seen": present})
            seen = set(position["seen"])
            fresh = [(number, name) for number, name in names if name not in seen][:MOST_LETTERS]
            letters = [
                Letter(name, b"\r\n".join(connection.retr(int(number))[1]) + b"\r\n")
                for number, name in fresh
            ]
            taken = {name for _, name in fresh}
            return Look(letters, {"seen": [name for name in present if name in seen or name in taken]})
        finally:
            with suppress(OSError, poplib.error_proto):
                connection.quit()


@contextmanager
def _errors(source: Source, refusal: type[Exception]) -> Iterator[None]:
    """What goes wrong with a connection, in our words."""
    try:
        yield
    except ssl.SSLCertVerificationError as error:
        raise TaskError(
            f"no encrypted connection to {source.host}:{source.port}: {error.reason or error}",
            mend="if that is your own server, set `trustAllCertificates: true`",
        ) from None
    except refusal as error:
        raise SourceDown(f"{source.host}:{source.port}: {_words(error.args)}") from None
    except (OSError, EOFError) as error:
        said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise SourceDown(
            f"{source.host}:{source.port} cannot be reached: {said or type(error).__name__}"
        ) from None


def _refused(source: Source, error: Exception) -> TaskError:
    return TaskError(
        f"{source.host}:{source.port} refused the login: {_words(error.args)}",
        mend="look at `username` and `password`",
    )


def _certificates(source: Source) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if source.trust_all:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _has_news(connection: imaplib.IMAP4) -> bool:
    """The server has said something within a slice of time; it is left to be read."""
    connection.sock.settimeout(0)
    try:
        # It may have come together with what was read before.
        if _buffered(connection).peek(1):
            return True
    except ssl.SSLWantReadError:
        pass
    finally:
        connection.sock.settimeout(_SECONDS)
    return bool(select.select([connection.sock], [], [], SLICE_SECONDS)[0])


def _buffered(connection: imaplib.IMAP4) -> Any:
    """What reads the connection; Python 3.14 has given it another name."""
    return connection.__dict__.get("_file") or connection.file


def _pause(seconds: float, stopped: Callable[[], bool]) -> None:
    waited = 0.0
    while waited < seconds and not stopped():
        select.select([], [], [], SLICE_SECONDS)
        waited += SLICE_SECONDS


def _quoted(folder: str) -> str:
    escaped = folder.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _words(said: Any) -> str:
    parts = said if isinstance(said, (list, tuple)) else [said]
    texts = [part.decode("utf-8", "replace") if isinstance(part, bytes) else str(part) for part in parts]
    return " ".join(" ".join(texts).split())


def shown(content: bytes) -> dict[str, Any]:
    """What executions see of a mail."""
    mail = email.message_from_bytes(content, policy=POLICY)
    assert isinstance(mail, EmailMessage)
    body = mail.get_body(("plain", "html"))
    return {
        "subject": str(mail["Subject"] or ""),
        "from": str(mail["From"] or ""),
        **{name: _people(mail, name) for name in ("to", "cc", "bcc")},
        "date": _date(mail),
        "body": "" if body is None else body.get_content().replace("\r\n", "\n"),
        "messageId": str(mail["Message-ID"]).strip() if mail["Message-ID"] else None,
        "attachments": [
            {
                "filename": part.get_filename() or "",
                "contentType": part.get_content_type(),
                "size": len(part.get_payload(decode=True) or b""),
            }
            for part in mail.iter_attachments()
        ],
    }


def _people(mail: EmailMessage, name: str) -> list[str]:
    written = [str(each) for each in mail.get_all(name, [])]
    return [address for _, address in getaddresses(written) if address]


def _date(mail: EmailMessage) -> str | None:
    at = getattr(mail["Date"], "datetime", None)
    if at is None:
        return None
    return iso8601.format_instant(at if at.tzinfo else at.replace(tzinfo=UTC))
