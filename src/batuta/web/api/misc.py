"""What is not about one resource: configuration, expressions, ping and health (API spec §19, §22)."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec
from litestar import Request, Response
from litestar import get as plain_get

from batuta import __version__, expr
from batuta.errors import BatutaError
from batuta.model.flow import FlowKey
from batuta.plugin import registry
from batuta.web import forms
from batuta.web.api import welcome
from batuta.web.routes import get, post
from batuta.web.site import GivenSite, Site

Json = dict[str, Any]

COMPATIBLE_VERSION = "1.3.0"
"""The version of the API that clients compare with."""
PREVIEW = {"initial": 100, "max": 5000}


@get("/configs")
async def configs(site: GivenSite) -> Json:
    """What a client has to know of this server."""
    return {
        "uuid": _server_id(site),
        "version": COMPATIBLE_VERSION,
        "edition": "OSS",
        "chartDefaultDuration": "P30D",
        "isCustomDashboardsEnabled": True,
        "isAnonymousUsageEnabled": False,
        "isUiAnonymousUsageEnabled": False,
        "isTaskRunEnabled": False,
        "isTemplateEnabled": False,
        "isBasicAuthEnabled": False,
        "isBasicAuthInitialized": True,
        "url": site.settings.base_url,
        "preview": PREVIEW,
        "systemNamespace": "system",
        "hiddenLabelsPrefixes": ["system.", "internal."],
        "isAiEnabled": False,
        "isAiApiKeyConfigured": False,
        "pluginsHash": _plugins_hash(),
        "isConcurrencyViewEnabled": True,
        "isPluginAutoInstallEnabled": False,
    }


def _server_id(site: Site) -> str:
    place = str(site.settings.data_dir.absolute()).encode()
    return hashlib.blake2b(place, digest_size=11).hexdigest()


def _plugins_hash() -> int:
    return int.from_bytes(
        hashlib.blake2b("\n".join(registry.names()).encode(), digest_size=4).digest(), "big"
    )


@get("/configs/login")
async def login_configuration() -> Json:
    """Whether somebody has to be set up before anybody can log in."""
    return {"isBasicAuthInitialized": True}


@get("/basicAuthValidationErrors")
async def authentication_errors() -> list[str]:
    """What is wrong with the configured user."""
    return []


class Rendering(msgspec.Struct, rename="camel"):
    """Expressions to render, and where."""

    expressions: list[str]
    namespace: str | None = None
    flow_id: str | None = None


@post("/expressions/render")
async def render(request: Request[Any, Any, Any], site: GivenSite) -> Json:
    """Render expressions outside of an execution."""
    asked = await forms.json(request, Rendering)
    names: Json = {}
    if asked.namespace is not None:
        names["namespace"] = {"id": asked.namespace}
        if asked.flow_id is not None:
            latest = await site.need_latest(FlowKey(asked.namespace, asked.flow_id))
            names["flow"] = {"id": asked.flow_id, "namespace": asked.namespace, "revision": latest.revision}
            stored = site.parsed(latest)
            names["vars"] = {} if stored.flow is None else stored.flow.variables
    options = site.world.options(site.now())
    rendered: Json = {}
    for expression in asked.expressions:
        try:
            rendered[expression] = await site.with_facts(
                lambda facts: expr.render(expression, names, facts, options),  # noqa: B023 - called at once
                namespace=asked.namespace or "",
            )
        except expr.ExpressionError as error:
            rendered[expression] = str(error)
    return {"rendered": rendered}


@plain_get("/ping", media_type="text/plain", status_code=200)
async def ping() -> str:
    """I am here."""
    return "pong"


@plain_get(["/health", "/health/readiness"], status_code=200)
async def health(site: GivenSite) -> Response[Json]:
    """Whether the parts of the server work."""
    try:
        await site.ports.store.jobs.waiting()
    except BatutaError as error:
        down = {"status": "DOWN", "details": {"error": error.what}}
        return Response({"name": "kestra", "status": "DOWN", "details": {"jdbc": down}}, status_code=503)
    return Response(
        {"name": "kestra", "status": "UP", "details": {"jdbc": {"status": "UP"}, "service": {"status": "UP"}}}
    )


@plain_get("/health/liveness", status_code=200)
async def liveness() -> Json:
    """The server answers."""
    return {"name": "kestra", "status": "UP"}


@plain_get("/version", status_code=200)
async def version() -> Json:
    """Which program this is."""
    return {
        "version": __version__,
        "serverType": "STANDALONE",
        "compatible": COMPATIBLE_VERSION,
    }


ROUTES = [configs, login_configuration, authentication_errors, render]
ROOT_ROUTES = [ping, health, liveness, version, *welcome.ROUTES]
"""Those that stand outside of `/api/v1`."""
