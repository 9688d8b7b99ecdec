"""Dashboards: charts over executions, logs, metrics, flows and triggers. Pure: no data is read here."""

from __future__ import annotations

from batuta.dashboards.definition import Chart, ChartKind, Dashboard, Data
from batuta.dashboards.reading import InvalidDashboard, parse, read, read_chart

__all__ = [
    "Chart",
    "ChartKind",
    "Dashboard",
    "Data",
    "InvalidDashboard",
    "parse",
    "read",
    "read_chart",
]
