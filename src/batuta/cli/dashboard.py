"""`batuta dashboard`: the dashboards of a server, and the data of their charts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from batuta.cli.client import Client, output_option, print_json, print_table, speaks_to_server
from batuta.cli.loading import text_of

YAML = {"Content-Type": "application/x-yaml"}


@click.group(short_help="Keep dashboards on a server, and read their charts.")
def dashboard() -> None:
    """Keep dashboards on a server, and read their charts."""


@dashboard.command("list")
@click.option("-q", "--query", metavar="TEXT", help="Only those with this in title, id or description.")
@output_option
@speaks_to_server
def list_(client: Client, query: str | None, output: str) -> None:
    """List dashboards by title."""
    found = client.pages("dashboards", q=query)
    if output == "json":
        print_json(found)
        return
    rows = [(each["id"], each["title"], len(each["charts"]), each["updated"]) for each in found]
    print_table(("ID", "TITLE", "CHARTS", "UPDATED"), rows)


@dashboard.command()
@click.argument("dashboard_id", metavar="ID")
@speaks_to_server
def get(client: Client, dashboard_id: str) -> None:
    """Print the text of a dashboard."""
    click.echo(client.get("dashboards", dashboard_id)["sourceCode"].rstrip("\n"))


@dashboard.command()
@click.argument("file", type=click.Path(path_type=Path))
@speaks_to_server
def create(client: Client, file: Path) -> None:
    """Keep a new dashboard; prints its id."""
    click.echo(client.post("dashboards", content=text_of(file).encode(), headers=YAML)["id"])


@dashboard.command()
@click.argument("dashboard_id", metavar="ID")
@click.argument("file", type=click.Path(path_type=Path))
@speaks_to_server
def update(client: Client, dashboard_id: str, file: Path) -> None:
    """Keep another text of a dashboard."""
    client.put("dashboards", dashboard_id, content=text_of(file).encode(), headers=YAML)
    click.echo("updated")


@dashboard.command()
@click.argument("dashboard_id", metavar="ID")
@speaks_to_server
def delete(client: Client, dashboard_id: str) -> None:
    """Remove a dashboard."""
    client.delete("dashboards", dashboard_id)
    click.echo("removed")


@dashboard.command()
@click.argument("dashboard_id", metavar="ID")
@click.argument("chart_id", metavar="CHART")
@click.option("-n", "--namespace", metavar="NAME", help="Only what is of this namespace and those below it.")
@click.option("--start", metavar="DATE", help="From this date on, such as 2026-01-01T00:00:00Z.")
@click.option("--end", metavar="DATE", help="Up to this date; up to now without it.")
@click.option("--csv", "as_csv", is_flag=True, help="All rows as CSV.")
@output_option
@speaks_to_server
def data(
    client: Client,
    dashboard_id: str,
    chart_id: str,
    namespace: str | None,
    start: str | None,
    end: str | None,
    as_csv: bool,
    output: str,
) -> None:
    """Print the rows of a chart."""
    asked: dict[str, Any] = {"namespace": namespace, "startDate": start, "endDate": end}
    place = ("dashboards", dashboard_id, "charts", chart_id)
    if as_csv:
        click.echo(client.post_for_text(*place, "export", json=asked), nl=False)
        return
    found = client.post(*place, json=asked)
    if output == "json":
        print_json(found)
        return
    rows = found["results"]
    titles = tuple(rows[0]) if rows else ()
    print_table(tuple(title.upper() for title in titles), [tuple(row.values()) for row in rows])
    if found["total"] > len(rows):
        click.echo(f"{len(rows)} of {found['total']} rows; --csv prints all")
