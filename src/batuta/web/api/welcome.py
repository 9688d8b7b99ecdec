"""What a browser finds at the address that a server prints: words, until there is a page to work with."""

from __future__ import annotations

from html import escape

from litestar import MediaType, Response
from litestar import get as plain_get
from litestar.params import FromPath

from batuta import __version__
from batuta.web.site import GivenSite

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Batuta</title>
<style>
  body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 42rem; margin: 3rem auto; padding: 0 1rem }}
  code {{ background: #8882; padding: .1em .3em; border-radius: .2em }}
  :root {{ color-scheme: light dark }}
</style>
<h1>Batuta {version} is running</h1>
<p>This version has no pages to work with yet. What there is:</p>
<ul>
{links}
</ul>
<p>In a terminal: <code>batuta flow list --server {url}</code>,
<code>batuta execution list --server {url}</code>.</p>
</html>
"""


def _page(site: GivenSite, links: list[tuple[str, str]]) -> Response[str]:
    items = "\n".join(
        f'<li><a href="{escape(path, quote=True)}">{escape(text)}</a></li>' for path, text in links
    )
    page = _PAGE.format(version=escape(__version__), url=escape(site.settings.base_url), links=items)
    return Response(page, media_type=MediaType.HTML)


_LINKS = [
    ("/api/v1/main/flows/search", "flows"),
    ("/api/v1/main/executions/search?size=25", "the latest executions"),
    ("/api/v1/main/logs/search?size=100", "the latest log lines"),
    ("/health", "health"),
]


@plain_get(["/", "/ui", "/ui/"])
async def welcome(site: GivenSite) -> Response[str]:
    """Say that the server runs, and where to look."""
    return _page(site, _LINKS)


@plain_get("/ui/{page:path}")
async def elsewhere(site: GivenSite, page: FromPath[str]) -> Response[str]:
    """Answers carry links to pages of executions: show what there is to see of one."""
    parts = page.strip("/").split("/")
    if len(parts) >= 5 and parts[1] == "executions":
        execution_id = parts[4]
        own = [
            (f"/api/v1/main/executions/{execution_id}", f"execution {execution_id}"),
            (f"/api/v1/main/logs/{execution_id}", "its log"),
        ]
        return _page(site, own + _LINKS)
    return _page(site, _LINKS)


ROUTES = [welcome, elsewhere]
