"""What tests find around them: flows, files and key-value entries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from batuta.model.flow import Flow, FlowKey
from batuta.model.records import KvEntry


class Library(msgspec.Struct, frozen=True):
    """The flows that tests can run: those that are tested, and those that these start."""

    flows: Mapping[FlowKey, Flow]
    sources: Mapping[FlowKey, str] = {}
    files: Mapping[str, bytes] = {}
    """Files that are there already, by URI; fixtures go before."""
    kv: Sequence[KvEntry] = ()
    """Key-value entries that are there already; fixtures go before."""
