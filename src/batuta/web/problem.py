"""Error class -> status and body, in one table. Nothing else in the program knows HTTP.

The body is the union of both generations of the contract (API spec §2): the members of RFC 9457 for 2.0
clients, `message`, `_links` and `_embedded` for older ones.
"""

from __future__ import annotations

import logging
import re
from http import HTTPStatus
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.exceptions import (
    HTTPException,
    MethodNotAllowedException,
    NotFoundException,
    ValidationException,
)

from batuta import errors, ids
from batuta.web.bulk import InvalidBulk
from batuta.web.filters import InvalidFilters
from batuta.web.forms import BadForm, TooLarge
from batuta.web.query import BadQuery
from batuta.web.rejections import (
    Expired,
    Invalid,
    NotTerminated,
    Unauthenticated,
    UnsupportedMediaType,
    WaitedTooLong,
)

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"


class Kind(msgspec.Struct, frozen=True):
    """What a class of errors looks like from outside."""

    status: int
    slug: str
    title: str
    reason: str
    """How `message` begins for older clients."""


_NOT_FOUND = Kind(404, "not-found", "Not found", "Not Found")
_CONFLICT = Kind(409, "conflict", "Conflict", "Illegal state")
_ARGUMENT = Kind(422, "invalid-argument", "Invalid argument", "Illegal argument")
_ENTITY = Kind(422, "validation-failed", "Validation failed", "Invalid entity")
_INTERNAL = Kind(500, "internal-error", "Internal error", "Internal server error")
_UNAVAILABLE = Kind(503, "service-unavailable", "Service unavailable", "Service unavailable")

KINDS: dict[type[Exception], Kind] = {
    errors.NotFound: _NOT_FOUND,
    errors.Conflict: _CONFLICT,
    errors.AlreadyExists: Kind(422, "entity-already-exists", "Entity already exists", "Invalid entity"),
    errors.InvalidRequest: _ARGUMENT,
    errors.RequestError: _ARGUMENT,
    errors.FlowError: _ENTITY,
    errors.TaskError: _ARGUMENT,
    Invalid: _ENTITY,
    InvalidBulk: Kind(400, "bulk-validation-failed", "Bulk validation failed", "Bad Request"),
    InvalidFilters: Kind(400, "invalid-query-filters", "Invalid query filters", "Bad Request"),
    BadQuery: Kind(400, "invalid-query-parameter", "Invalid query parameter", "Bad Request"),
    BadForm: Kind(422, "invalid-request-body", "Invalid request body", "Invalid entity"),
    TooLarge: Kind(413, "payload-too-large", "Payload too large", "Payload Too Large"),
    UnsupportedMediaType: Kind(
        415, "unsupported-media-type", "Unsupported media type", "Unsupported Media Type"
    ),
    Unauthenticated: Kind(401, "unauthenticated", "Unauthenticated", "Unauthorized"),
    Expired: Kind(410, "resource-expired", "Resource expired", "Gone"),
    NotTerminated: Kind(400, "bad-request", "Bad request", "Bad Request"),
    WaitedTooLong: Kind(504, "timeout", "Timeout", "Timeout"),
    errors.StoreError: _UNAVAILABLE,
    errors.OperatorError: _UNAVAILABLE,
    ValidationException: Kind(400, "bad-request", "Bad request", "Bad Request"),
    NotFoundException: _NOT_FOUND,
    MethodNotAllowedException: Kind(405, "method-not-allowed", "Method not allowed", "Method Not Allowed"),
}
"""The table. A class that is not named counts as the nearest class above it that is."""


def kind_of(error: Exception) -> Kind:
    """The entry of an error."""
    for cls in type(error).__mro__:
        if cls in KINDS:
            return KINDS[cls]
    if isinstance(error, HTTPException) and error.status_code < 500:
        title = HTTPStatus(error.status_code).phrase
        return Kind(error.status_code, title.lower().replace(" ", "-"), title, title)
    return _INTERNAL


_WEBHOOK_KEY = re.compile(r"(/executions/webhook/[^/]+/[^/]+/)[^/?]+")
"""The key of a webhook is a secret: an answer that is logged somewhere on its way shall not show it."""


def body_of(error: Exception, instance: str) -> tuple[Kind, dict[str, Any]]:
    """Status and body. An error that is ours to mend is logged under an id, and only the id is told."""
    instance = _WEBHOOK_KEY.sub(r"\1******", instance)
    kind = kind_of(error)
    if kind.status >= 500 and not isinstance(error, errors.OperatorError | WaitedTooLong):
        return kind, _internal(error, kind, instance)
    what = (
        error.what
        if isinstance(error, errors.BatutaError)
        else str(getattr(error, "detail", "") or kind.title)
    )
    parts = _parts(error)
    detail = what or kind.title
    body: dict[str, Any] = {
        "type": f"urn:problem:{kind.slug}",
        "title": kind.title,
        "status": kind.status,
        "detail": detail,
        "instance": instance,
        "message": kind.reason if detail == kind.title else f"{kind.reason}: {detail}",
        "_links": {"self": [{"href": instance, "templated": False}]},
        "_embedded": {"errors": [{"message": part["detail"], "path": part["path"]} for part in parts]},
    }
    if parts:
        body["errors"] = parts
    if isinstance(error, errors.BatutaError):
        body["code"] = error.code
        if error.mend:
            body["fix"] = error.mend
    if isinstance(error, InvalidBulk):
        body["message"] = error.what
        body["invalids"] = [
            {"message": item.message, "path": "execution", "invalidValue": item.id} for item in error.items
        ]
    return kind, body


def _internal(error: Exception, kind: Kind, instance: str) -> dict[str, Any]:
    trace_id = ids.random_id()
    log.error("request failed", exc_info=error, extra={"trace_id": trace_id, "path": instance})
    detail = "The server failed to answer; its log has the cause under the trace id."
    return {
        "type": f"urn:problem:{kind.slug}",
        "title": kind.title,
        "status": kind.status,
        "detail": detail,
        "instance": instance,
        "traceId": trace_id,
        "message": f"{kind.reason}: {detail}",
        "_links": {"self": [{"href": instance, "templated": False}]},
        "_embedded": {"errors": []},
    }


def _parts(error: Exception) -> list[dict[str, Any]]:
    if isinstance(error, Invalid):
        return [
            _without_none(
                {
                    "detail": part.message,
                    "path": part.path,
                    "pointer": part.pointer or None,
                    "fix": part.hint,
                    "line": part.line,
                    "column": part.column,
                }
            )
            for part in error.parts
        ]
    if isinstance(error, InvalidFilters):
        return [
            {"detail": problem, "path": "filters", "type": "invalid-query-filters"}
            for problem in error.problems
        ]
    if isinstance(error, InvalidBulk):
        return [{"detail": item.message, "path": item.id, "type": item.slug} for item in error.items]
    if isinstance(error, errors.BatutaError) and error.where:
        return [{"detail": error.what, "path": error.where}]
    return []


def _without_none(part: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in part.items() if value is not None}


def respond(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """The answer to a request that failed."""
    instance = instance_of(request.scope)
    kind, body = body_of(_told(error, request.method, instance), instance)
    headers = dict(getattr(error, "headers", None) or {})
    return Response(
        msgspec.json.encode(body), status_code=kind.status, media_type=MEDIA_TYPE, headers=headers
    )


def _told(error: Exception, method: str, path: str) -> Exception:
    """The router's errors in words of ours."""
    if isinstance(error, MethodNotAllowedException):
        return MethodNotAllowedException(detail=f"Method [{method}] is not allowed for [{path}]")
    if isinstance(error, NotFoundException):
        return errors.NotFound(
            f"there is nothing at [{path}]", mend="see the list of routes in the reference of the API"
        )
    return error


def instance_of(scope: Any) -> str:
    """The path that was asked for, as it was sent."""
    raw = scope.get("asked_path") or scope.get("raw_path") or scope["path"].encode()
    return str(raw.decode("latin-1"))


HANDLERS: dict[int | type[Exception], Any] = {Exception: respond, HTTPException: respond}
"""What Litestar calls for any exception."""
