"""What one rendering carries along: names, scopes, facts, output and what is left of each budget."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from batuta.clock import SystemClock
from batuta.expr.budget import Nodes
from batuta.expr.errors import LimitError
from batuta.expr.facts import NO_FACTS, Fact, Facts
from batuta.expr.kinds import Entry
from batuta.expr.limits import Options
from batuta.model.stored import StoredValue, holds_stored

if TYPE_CHECKING:
    from random import Random

    from batuta.expr.template import Template

MISSING: Any = object()
"""Stands for "no such name" where None is a value."""

_CHECK_MASK = 63
"""The clock and the output are looked at once in so many steps, plus one."""
_LARGE = 50_000
"""Results of this size count as work of their own: the clock is looked at after each."""
_monotonic = SystemClock().monotonic
DEFAULT_OPTIONS = Options()


class Overlay(Mapping[str, Any]):
    """The names of a scope in front of those of the context, for a template rendered inside another."""

    def __init__(self, front: dict[str, Any], back: Mapping[str, Any]) -> None:
        self._front = dict(front)
        self._back = back

    def __getitem__(self, name: str) -> Any:
        return self._front[name] if name in self._front else self._back[name]

    def __contains__(self, name: object) -> bool:
        return name in self._front or name in self._back

    def __iter__(self) -> Iterator[str]:
        yield from self._front
        yield from (name for name in self._back if name not in self._front)

    def __len__(self) -> int:
        return sum(1 for _ in self)


class Run:
    """The state of one rendering.

    Scopes are one dictionary: a loop saves what its names hid and puts it back; `fresh` holds the names that
    were first set in the innermost loop and vanish with it. Filters that change a list in place (`sort`,
    `reverse`, `+`) leave the caller's list alone: `swaps` says which copy stands for it from then on.
    `is_plain` says that a value of the context is what it looks like: no copy stands for it, and nothing in
    it has to be fetched from storage first.
    """

    __slots__ = (
        "_counted",
        "_deadline",
        "_private",
        "_random",
        "_size",
        "depth",
        "elements",
        "facts",
        "fresh",
        "is_plain",
        "locals",
        "names",
        "native",
        "options",
        "out",
        "render_depth",
        "steps",
        "stored",
        "swaps",
        "template",
    )

    def __init__(
        self,
        template: Template,
        names: Mapping[str, Any],
        facts: Facts | None,
        options: Options = DEFAULT_OPTIONS,
    ) -> None:
        self.template = template
        self.names = names
        self.locals: dict[str, Any] = {}
        self.fresh: set[str] | None = None
        self.facts = NO_FACTS if facts is None else facts
        self.options = options
        limits = options.limits
        self.steps = limits.steps
        self.elements = limits.total_elements
        self.depth = 0
        self.render_depth = 0
        self.native: list[tuple[int, Any]] | None = None
        self.out: list[str] = []
        self.swaps: dict[int, tuple[list[Any], list[Any]]] | None = None
        self.stored: bool = getattr(names, "holds_stored", False)
        self.is_plain = not self.stored
        self._private: set[int] | None = None
        self._counted = 0
        self._size = 0
        self._deadline: float | None = None
        self._random: Random | None = None

    # Budgets

    def tick(self) -> None:
        """Count one step."""
        self.steps -= 1
        if not self.steps & _CHECK_MASK or self._deadline is None:
            self.check()

    def weigh(self, value: Any) -> None:
        """Count a filter's large input as the work that it is."""
        if (type(value) is str or type(value) is list or type(value) is dict) and len(value) > _LARGE:
            self.check()

    def check(self) -> None:
        """Look at the steps, the clock and the size of the output.

        Raises:
            LimitError: one of them is used up.
        """
        limits = self.options.limits
        now = _monotonic()
        if self._deadline is None:
            self._deadline = now + limits.wall_seconds
        elif now > self._deadline:
            raise LimitError(f"The rendering took longer than {limits.wall_seconds} seconds")
        if self.steps <= 0:
            raise LimitError(f"The rendering took more than {limits.steps} steps")
        out = self.out
        if len(out) > self._counted:
            self._size += sum(map(len, out[self._counted :]))
            self._counted = len(out)
            self.fits(self._size)

    def watch(self, value: Any) -> Any:
        """Look at the clock when `value`, the result of a filter or function, was much work."""
        if (type(value) is str or type(value) is list or type(value) is dict) and len(value) > _LARGE:
            self.check()
            if type(value) is str:
                self.fits(len(value))
            elif len(value) > self.options.limits.collection_elements:
                raise LimitError(
                    f"A collection has more than {self.options.limits.collection_elements} elements"
                )
        return value

    def fits(self, characters: int) -> None:
        """Refuse a text of so many characters before it is made."""
        most = self.options.limits.output_characters
        if characters > most:
            raise LimitError(f"The text has more than {most} characters")

    def grow(self, elements: int) -> None:
        """Count elements that a collection is about to gain."""
        self.elements -= elements
        if self.elements < 0:
            raise LimitError(f"The rendering made more than {self.options.limits.total_elements} elements")

    def join(self, pieces: list[str]) -> str:
        """The text of `pieces`, when it fits."""
        if len(pieces) == 1:
            only = pieces[0]
            if len(only) > _LARGE:
                self.fits(len(only))
            return only
        self.fits(sum(map(len, pieces)))
        return "".join(pieces)

    # Names

    def lookup(self, name: str, default: Any = None) -> Any:
        """The variable `name`, or `default`; for functions that read the context."""
        value = self.locals.get(name, MISSING)
        if value is MISSING:
            value = self.names.get(name, default)
        return value if self.is_plain else self.settled(value)

    def fact(self, kind: str, *arguments: Any) -> Any:
        """An outside value.

        Raises:
            MissingFact: the host has not said it yet.
        """
        return self.facts.get(Fact(kind, arguments))

    def random(self) -> Random:
        """Where random functions draw from: the seed of the options, else the machine's own source."""
        if self._random is None:
            from random import Random, SystemRandom

            self._random = SystemRandom() if self.options.seed is None else Random(self.options.seed)
        return self._random

    # Captured output

    def capture(self, body: Callable[[Run, Callable[[str], None]], None]) -> str:
        """What `body` prints, as a text."""
        limits = self.options.limits
        if self.depth >= limits.depth:
            raise LimitError(f"More than {limits.depth} calls inside each other")
        saved = self.out, self._counted, self._size, self.native
        self.depth += 1
        self.out, self._counted, self._size, self.native = [], 0, 0, None
        try:
            body(self, self.out.append)
            return self.join(self.out) if self.out else ""
        finally:
            self.depth -= 1
            self.out, self._counted, self._size, self.native = saved

    def nested(self, template: Template) -> str:
        """The text of another template inside this rendering, with its variables and budgets."""
        saved = self.template, self.out, self._counted, self._size, self.native
        scopes = self.names, self.locals, self.fresh
        self.template, self.out, self._counted, self._size, self.native = template, [], 0, 0, None
        # What the inner template assigns stays inside it.
        names = Overlay(self.locals, self.names) if self.locals else self.names
        self.names, self.locals, self.fresh = names, {}, None
        try:
            return template.render_in(self)
        finally:
            self.template, self.out, self._counted, self._size, self.native = saved
            self.names, self.locals, self.fresh = scopes

    # Lists changed in place

    def mutable(self, value: list[Any]) -> list[Any]:
        """The list to change instead of `value`: from now on every reading of `value` gives it."""
        if self._private is None or self.swaps is None:
            self._private, self.swaps = set(), {}
            self.is_plain = False
        key = id(value)
        if key in self._private:
            return value
        self.grow(len(value))
        copy = list(value)
        self._private.add(id(copy))
        self.swaps[key] = (value, copy)
        return copy

    def current(self, value: Any) -> Any:
        """`value`, or the copy that stands for it, or what it stands for in storage."""
        if type(value) is StoredValue:
            return self.fact("stored", value.uri)
        swap = self.swaps.get(id(value)) if self.swaps else None
        return swap[1] if swap else value

    def settled(self, value: Any) -> Any:
        """As `current`, and with everything inside that is in storage: for a value that is used whole."""
        value = self.current(value)
        return self._fetched(value) if self.stored and type(value) in (dict, list) else value

    def _fetched(self, value: Any) -> Any:
        if type(value) is StoredValue:
            return self.fact("stored", value.uri)
        if not holds_stored(value):
            return value
        if type(value) is dict:
            return {key: self._fetched(item) for key, item in value.items()}
        return [self._fetched(item) for item in value]

    def resolve(self, value: Any, level: int = 0, nodes: Nodes | None = None) -> Any:
        """`value` with every list in it replaced by the copy that stands for it."""
        nodes = nodes or Nodes()
        value = self.current(value)
        if isinstance(value, (list, dict)):
            nodes.take(len(value), level)
        if isinstance(value, list):
            return type(value)(self.resolve(item, level + 1, nodes) for item in value)
        if isinstance(value, dict):
            return {key: self.resolve(item, level + 1, nodes) for key, item in value.items()}
        if isinstance(value, Entry):
            return Entry(value.key, self.resolve(value.value, level + 1, nodes))
        return value
