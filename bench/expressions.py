"""How long templates take, next to Jinja2 in the same run: `python bench/expressions.py`.

The targets: a compiled `{{ outputs.extract.uri }}` in at most 5 microseconds, a loop of twenty lines in at
most three times what Jinja2 needs for the same text.
"""

from __future__ import annotations

import sys
import timeit
from collections.abc import Callable
from typing import Any

import jinja2

from batuta import expr

CONTEXT: dict[str, Any] = {
    "outputs": {"extract": {"uri": "kestra:///acme/sales/extract/rows.ion"}},
    "title": "Report",
    "rows": [{"name": f"row {n}", "qty": n, "price": 1.25 * n, "on": n % 3 == 0} for n in range(50)],
}

LOOP = """\
# {{ title }}
{% set total = 0 %}
{% for row in rows %}
{% if row.on %}
- {{ row.name }}
  quantity: {{ row.qty }}
  price: {{ row.price }}
  {% if row.qty > 20 %}
  large
  {% else %}
  small
  {% endif %}
  upper: {{ row.name | upper }}
  double: {{ row.qty * 2 }}
{% else %}
- {{ row.name }} is off
{% endif %}
{% endfor %}
{{ rows | length }} rows
end of {{ title }}
"""

TEMPLATES = {
    "plain text": ("no template at all", 5.0),
    "one value": ("{{ outputs.extract.uri }}", 5.0),
    "value and filter": ("{{ outputs.extract.uri | upper }}", None),
    "loop of 20 lines": (LOOP, None),
}


def microseconds(work: Callable[[], object]) -> float:
    """The best of five rounds, per call."""
    timer = timeit.Timer(work)
    number, _ = timer.autorange()
    return min(timer.repeat(5, max(1, number // 4))) / max(1, number // 4) * 1e6


def main() -> int:
    """Print the table; exit 1 when a target is missed."""
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined)
    missed = 0
    print(f"{'template':<20}{'batuta µs':>12}{'jinja2 µs':>12}{'ratio':>8}  target")
    for name, (text, most) in TEMPLATES.items():
        expr.render(text, CONTEXT)
        ours = microseconds(lambda text=text: expr.render(text, CONTEXT))  # type: ignore[misc]
        compiled = environment.from_string(text)
        theirs = microseconds(lambda compiled=compiled: compiled.render(CONTEXT))  # type: ignore[misc]
        is_met = ours <= most if most is not None else ours <= 3 * theirs
        missed += not is_met
        target = f"{most} µs" if most is not None else "3 times"
        verdict = "" if is_met else " MISSED"
        print(f"{name:<20}{ours:>12.2f}{theirs:>12.2f}{ours / theirs:>8.2f}  {target}{verdict}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
