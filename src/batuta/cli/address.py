"""The socket that a server listens on; bound before anything heavy is imported."""

from __future__ import annotations

import errno
import socket

from batuta.errors import OperatorError

BACKLOG = 2048
"""Connections that may wait to be accepted."""


class AddressInUse(OperatorError):
    """Another program listens on the port."""

    code = "operator.address-in-use"

    def __init__(self, host: str, port: int) -> None:
        other = port + 1 if port < 65535 else 8080
        super().__init__(
            f"port {port} on {host} is in use by another program",
            mend=f"stop that program, or take another port: `--port {other}`",
        )


def listen(host: str, port: int) -> socket.socket:
    """A bound socket; connections wait in it until the server takes them.

    Raises:
        OperatorError: the address cannot be used.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise AddressInUse(host, port) from None
        reason = (error.strerror or str(error)).lower()
        mend = (
            "take a port above 1023: `--port 8080`"
            if error.errno == errno.EACCES
            else "check `--host` and `--port`"
        )
        raise OperatorError(f"cannot listen on {host} port {port}: {reason}", mend=mend) from None
    return listener
