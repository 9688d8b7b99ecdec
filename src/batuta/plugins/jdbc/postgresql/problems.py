"""What went wrong at PostgreSQL, in one clear line and with the way to mend it."""

from __future__ import annotations

import psycopg

from batuta.errors import TaskError
from batuta.plugins.jdbc.database import Unreachable
from batuta.plugins.jdbc.postgresql.connecting import Access

_REFUSALS = (
    ("password authentication failed", "check `username` and `password`"),
    ("no password supplied", "give a `password`"),
    ("does not exist", "check the names of the database and the user"),
    ("pg_hba.conf", "the server's rules do not let this user in from here"),
    ("SSL", "check `sslMode` and the certificates"),
    ("certificate", "check `sslMode` and the certificates"),
)
"""Waiting does not help."""
_ABSENCES = (
    ("resolve", "check the host in `url`"),
    ("Name or service not known", "check the host in `url`"),
    ("refused", "check the host and the port in `url`, and that the database is running"),
    ("timeout", "check the host and the port in `url`, and that the network lets one through"),
)


def cannot_connect(error: psycopg.Error, access: Access) -> TaskError:
    """Nobody is there, or the login is refused."""
    reason = _reason(str(error))
    what = f"Cannot connect to PostgreSQL at {access.place}: {reason}"
    refused = _mend(reason, _REFUSALS)
    return TaskError(what, mend=refused) if refused else Unreachable(what, mend=_mend(reason, _ABSENCES))


def _mend(reason: str, known: tuple[tuple[str, str], ...]) -> str | None:
    return next((words for sign, words in known if sign.lower() in reason.lower()), None)


def _reason(text: str) -> str:
    """The last cause of a chain that begins with what we say ourselves."""
    lines = [line.strip(" -\t") for line in text.splitlines() if line.strip()]
    telling = (
        [line for line in lines if "FATAL:" in line or "failed:" in line] or lines or ["no reason was given"]
    )
    line = telling[-1]
    for sign in ("FATAL:", "failed:"):
        _, found, rest = line.rpartition(sign)
        if found and rest.strip():
            return rest.strip()
    return line


def lost(error: psycopg.Error) -> TaskError:
    """The connection is gone in the middle of the work."""
    first = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
    return Unreachable(
        f"The connection to PostgreSQL was lost: {first}",
        mend="a `retry` of the task makes it connect and run again",
    )


def failed(error: psycopg.Error, statement: str) -> TaskError:
    """A statement was refused: the server's own words, the way its drivers show them."""
    diagnosis = error.diag
    if diagnosis.message_primary is None:
        return TaskError(" ".join(str(error).split()) or type(error).__name__)
    lines = [f"{diagnosis.severity}: {diagnosis.message_primary}"]
    lines += [f"  Detail: {diagnosis.message_detail}"] if diagnosis.message_detail else []
    lines += [f"  Hint: {diagnosis.message_hint}"] if diagnosis.message_hint else []
    lines += [f"  Where: {diagnosis.context}"] if diagnosis.context else []
    if diagnosis.statement_position:
        position = int(diagnosis.statement_position)
        lines.append(f"  Position: {position}{_near(statement, position)}")
    return TaskError("\n".join(lines))


def _near(statement: str, position: int) -> str:
    """The line that a position is in."""
    if not 0 < position <= len(statement) + 1:
        return ""
    number = statement.count("\n", 0, position - 1)
    line = statement.split("\n")[number].strip()
    return f", in line {number + 1}: {line[:120]}" if line else ""
