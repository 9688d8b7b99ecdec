"""A mailbox that servers of IMAP (with IDLE) and POP3 show, as far as a reader of mail needs them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any


class Box:
    """Mails by their number, and who waits for more."""

    def __init__(self, password: str = "s3cret") -> None:
        self.password = password
        self.mails: dict[int, bytes] = {}
        self.commands: list[str] = []
        self.arrived = asyncio.Condition()
        self.idle = asyncio.Event()
        self._next = 1

    async def put(self, subject: str, body: str = "hello") -> None:
        """Let a mail come."""
        text = f"From: Ada <ada@example.com>\r\nTo: a@example.com, b@example.com\r\nSubject: {subject}\r\n"
        text += f"Date: Mon, 05 Jan 2026 10:00:00 +0100\r\nMessage-ID: <{subject}@x>\r\n\r\n{body}\r\n"
        self.mails[self._next] = text.encode()
        self._next += 1
        async with self.arrived:
            self.arrived.notify_all()


@asynccontextmanager
async def serving(talk: Any, box: Box, tls: Any = None) -> AsyncIterator[int]:
    """A server that talks in one of the ways below; gives its port."""
    server = await asyncio.start_server(lambda *pair: talk(box, *pair), "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def imap(box: Box, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """The server's side of IMAP4rev1."""
    writer.write(b"* OK [CAPABILITY IMAP4rev1 IDLE] ready\r\n")
    told = 0
    while line := await reader.readline():
        tag, _, command = line.decode().rstrip("\r\n").partition(" ")
        box.commands.append(command)
        said, state = b"", "OK done"
        match command.split()[0].upper():
            case "CAPABILITY":
                said = b"* CAPABILITY IMAP4rev1 IDLE\r\n"
            case "LOGIN" if box.password not in command:
                state = "NO wrong password"
            case "EXAMINE" if "Nowhere" in command:
                state = "NO no such folder"
            case "EXAMINE" | "SELECT":
                said = f"* {len(box.mails)} EXISTS\r\n* OK [UIDVALIDITY 77] valid\r\n".encode()
            case "UID" if "SEARCH" in command:
                told = len(box.mails)
                start = int(re.findall(r"UID (\d+):", command)[0])
                found = [uid for uid in box.mails if uid >= start] or [*box.mails][-1:]
                said = f"* SEARCH {' '.join(map(str, found))}\r\n".encode()
            case "UID":
                uid = int(command.split()[2])
                mail = box.mails[uid]
                said = f"* {uid} FETCH (UID {uid} BODY[] {{{len(mail)}}}\r\n".encode() + mail + b")\r\n"
            case "IDLE":
                await idle(box, reader, writer, told)
            case "LOGOUT":
                writer.write(b"* BYE\r\n")
        writer.write(said + f"{tag} {state}\r\n".encode())
        if command.upper() == "LOGOUT":
            break
    writer.close()


async def idle(box: Box, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, told: int) -> None:
    """Tell of mails until the client has heard enough; at once of those that came since it last looked."""
    known = len(box.mails)
    news = f"* {known} EXISTS\r\n" if known > told else ""
    writer.write(f"+ waiting\r\n{news}".encode())
    box.idle.set()

    async def tell() -> None:
        async with box.arrived:
            await box.arrived.wait_for(lambda: len(box.mails) > known)
        writer.write(f"* {len(box.mails)} EXISTS\r\n".encode())

    telling = asyncio.create_task(tell())
    await reader.readline()
    telling.cancel()
    box.idle.clear()


async def pop3(box: Box, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """The server's side of POP3."""
    writer.write(b"+OK ready\r\n")
    while line := await reader.readline():
        command = line.decode().strip()
        box.commands.append(command)
        match command.split():
            case ["PASS", password] if password != box.password:
                writer.write(b"-ERR wrong password\r\n")
            case ["UIDL"]:
                names = "".join(f"{uid} name{uid}\r\n" for uid in box.mails)
                writer.write(f"+OK\r\n{names}.\r\n".encode())
            case ["RETR", number]:
                writer.write(b"+OK\r\n" + box.mails[int(number)] + b".\r\n")
            case ["QUIT"]:
                writer.write(b"+OK bye\r\n")
                break
            case _:
                writer.write(b"+OK\r\n")
    writer.close()
