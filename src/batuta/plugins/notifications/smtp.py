"""A mail's way to its server: how to connect, who sends, and what went wrong, in words.

`smtplib` blocks, so a session lives on a thread; `abort` ends it from outside by taking its connection away.
"""

from __future__ import annotations

import contextlib
import smtplib
import socket
import ssl
from email.message import EmailMessage
from enum import StrEnum

import msgspec

from batuta.errors import TaskError


class Transport(StrEnum):
    """How a connection is made."""

    SMTP = "SMTP"
    """Without encryption, unless the server offers it."""
    SMTPS = "SMTPS"
    """Encrypted from the beginning."""
    SMTP_TLS = "SMTP_TLS"
    """Encrypted with STARTTLS, or not at all."""
    SMTP_OAUTH2 = "SMTP_OAUTH2"
    """The same, and the login is an access token."""


PORTS = {Transport.SMTP: 25, Transport.SMTPS: 465, Transport.SMTP_TLS: 587, Transport.SMTP_OAUTH2: 587}


class Server(msgspec.Struct, frozen=True, kw_only=True):
    """Where to and how."""

    host: str
    port: int
    transport: Transport
    username: str | None
    password: str | None
    access_token: str | None
    seconds: float
    verify_host: bool
    trusted_hosts: tuple[str, ...]
    """Hosts whose certificates are not looked at."""

    @property
    def name(self) -> str:
        """Host and port."""
        return f"{self.host}:{self.port}"


class Session:
    """One connection, one mail."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._connection: smtplib.SMTP | None = None

    def abort(self) -> None:
        """Take the connection away; from any thread."""
        connection = self._connection
        if connection is not None and connection.sock is not None:
            with contextlib.suppress(OSError):
                connection.sock.shutdown(socket.SHUT_RDWR)

    def send(self, mail: EmailMessage, sender: str, recipients: list[str]) -> list[str]:
        """Send a mail; gives the recipients that the server did not want, while it took others.

        Raises:
            TaskError: nobody got it.
        """
        server = self._server
        try:
            with self._connect() as connection:
                self._connection = connection
                self._secure(connection)
                self._log_in(connection)
                return list(connection.send_message(mail, sender, recipients))
        except smtplib.SMTPRecipientsRefused as error:
            said = "; ".join(f"{name}: {_said(*answer)}" for name, answer in error.recipients.items())
            raise TaskError(f"{server.name} takes no mail for {said}", mend="look at `to` and `cc`") from None
        except smtplib.SMTPAuthenticationError as error:
            raise TaskError(
                f"{server.name} refused the login: {_said(error.smtp_code, error.smtp_error)}",
                mend="look at `username` and `password`",
            ) from None
        except smtplib.SMTPResponseException as error:
            raise TaskError(
                f"{server.name} refused the mail: {_said(error.smtp_code, error.smtp_error)}"
            ) from None
        except ssl.SSLError as error:
            raise TaskError(
                f"no encrypted connection to {server.name}: {error.reason or error}", mend=self._hint(error)
            ) from None
        except (OSError, smtplib.SMTPException) as error:
            said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            raise TaskError(
                f"{server.name} cannot be reached: {said or type(error).__name__}",
                mend="look at `host`, `port` and `transportStrategy`",
            ) from None

    def _connect(self) -> smtplib.SMTP:
        server = self._server
        if server.transport is Transport.SMTPS:
            return smtplib.SMTP_SSL(
                server.host, server.port, timeout=server.seconds, context=self._certificates()
            )
        return smtplib.SMTP(server.host, server.port, timeout=server.seconds)

    def _secure(self, connection: smtplib.SMTP) -> None:
        """STARTTLS where it is wanted, or offered."""
        transport = self._server.transport
        connection.ehlo_or_helo_if_needed()
        if transport is Transport.SMTPS:
            return
        if transport is Transport.SMTP:
            if connection.has_extn("starttls"):
                # Better than nothing; who wants to be sure of the server writes SMTP_TLS.
                connection.starttls(context=unverified())
                connection.ehlo()
            return
        if not connection.has_extn("starttls"):
            raise TaskError(
                f"{self._server.name} offers no encryption (STARTTLS)",
                mend="use `transportStrategy: SMTPS`, or SMTP to do without",
            )
        connection.starttls(context=self._certificates())
        connection.ehlo()

    def _log_in(self, connection: smtplib.SMTP) -> None:
        server = self._server
        if server.transport is Transport.SMTP_OAUTH2:
            login = f"user={server.username}\x01auth=Bearer {server.access_token}\x01\x01"
            connection.auth("XOAUTH2", lambda challenge=None: login if challenge is None else "")
        elif server.username:
            try:
                connection.login(server.username, server.password or "")
            except smtplib.SMTPNotSupportedError:
                raise TaskError(
                    f"{server.name} takes no login", mend="leave `username` and `password` out"
                ) from None

    def _certificates(self) -> ssl.SSLContext:
        server = self._server
        if server.host in server.trusted_hosts:
            return unverified()
        context = ssl.create_default_context()
        context.check_hostname = server.verify_host
        return context

    def _hint(self, error: ssl.SSLError) -> str:
        if isinstance(error, ssl.SSLCertVerificationError):
            return f"if that is your own server, add `trustedHosts: [{self._server.host}]`"
        return "look at `port` and `transportStrategy`: SMTPS on 465, SMTP_TLS on 587"


def unverified() -> ssl.SSLContext:
    """Encryption, without a look at who it is."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _said(code: int, text: bytes | str) -> str:
    words = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return f"{code} {' '.join(words.split())}"
