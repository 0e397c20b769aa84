"""The API process: settings become services, services stand behind routes, and everything closes in order."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import structlog
from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from strawberry import Schema

from domain.bootstrap import Services, open_services
from domain.clock import SystemClock
from domain.errors import Unavailable, ValidationFailed
from domain.logs import configure_logging
from domain.settings import Environment, Settings, load_settings
from graphql_api import home
from graphql_api.asking import PREFLIGHTED
from graphql_api.auth import Authenticator, KeySource, SharedSecret, everything
from graphql_api.context import AppOptions
from graphql_api.documents import FILE_SETTING, TrustedDocuments, faults, load_manifest
from graphql_api.endpoint import GraphQLEndpoint
from graphql_api.exports import DOWNLOAD
from graphql_api.gpc import CONFIRMED, WELL_KNOWN, GlobalPrivacyControl, described
from graphql_api.jwks import JwksKeys, fetch_from
from graphql_api.limits import DocumentCache
from graphql_api.measurement import OperationMetrics
from graphql_api.middleware import RequestMetrics, RequestScope
from graphql_api.rates import unknown_operations
from graphql_api.rest.operations import OPERATIONS
from graphql_api.rest.routes import rest_routes
from graphql_api.schema import build_schema

GRAPHQL_PATH = "/graphql"

log = structlog.get_logger(__name__)


def create_app(settings: Settings | None = None) -> Starlette:
    """The application that uvicorn serves.

    Args:
        settings: the process's own, read from its environment, if absent.

    Raises:
        ValidationFailed: a setting is missing or means nothing.
    """
    settings = settings or load_settings()
    configure_logging(level=settings.log_level, debug=settings.debug)
    options = AppOptions(
        debug=settings.debug,
        production=settings.environment is Environment.PRODUCTION,
        origins=settings.origins,
    )
    app = Starlette(
        routes=_routes(settings, options),
        middleware=[
            Middleware(
                RequestScope,
                metrics=RequestMetrics(options.metrics),
                debug=settings.debug,
                hsts_seconds=settings.hsts_seconds,
            ),
            Middleware(GlobalPrivacyControl),
            *_loopback_only(settings),
            *_cors(settings),
        ],
        lifespan=_lifespan(settings),
    )
    # A redirect would name the host that the caller named.
    app.router.redirect_slashes = False
    app.state.authenticator = _authenticator(settings)
    return app


def _lifespan(settings: Settings):  # type: ignore[no-untyped-def]  # noqa: ANN202 - Starlette's own type is private
    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with open_services(settings) as services:
            app.state.services = services
            with suppress(Unavailable):
                # Readiness tries again: nothing is sent here before what an older backup brought back is gone.
                await services.replay.run()
            log.info("api_started", environment=settings.environment, realtime=settings.realtime_enabled)
            yield
            services.health.drain()
            log.info("api_stopping")

    return lifespan


def _routes(settings: Settings, options: AppOptions) -> list[BaseRoute]:
    measured, cache = OperationMetrics(options.metrics), DocumentCache(introspection=not options.production)
    schema = build_schema(debug=options.debug, production=options.production, metrics=measured, cache=cache)
    _check_limits(settings, schema)
    graphql = GraphQLEndpoint(schema, options, measured, _trusted(settings, schema, cache))

    async def metrics(request: Request) -> Response:
        services: Services = request.app.state.services
        await services.standing.look()
        await services.backlog.look()
        counted = generate_latest(options.metrics) + generate_latest(services.metrics)
        return Response(counted, media_type=CONTENT_TYPE_LATEST)

    routes: list[BaseRoute] = [
        Route(GRAPHQL_PATH, graphql, methods=["GET", "POST"]),
        WebSocketRoute(GRAPHQL_PATH, graphql),
        Route("/livez", _live),
        Route(WELL_KNOWN, described),
        Route("/readyz", _ready),
        Route("/metrics", metrics),
        DOWNLOAD,
        *rest_routes(graphql_path=GRAPHQL_PATH),
    ]
    return routes if options.production else [*routes, Route("/", _home)]


def _trusted(settings: Settings, schema: Schema, cache: DocumentCache) -> TrustedDocuments:
    """The manifest's documents. Raises `ValidationFailed` if one of them cannot be run."""
    if settings.trusted_documents_file is None:
        return TrustedDocuments()
    documents = load_manifest(settings.trusted_documents_file)
    if found := faults(documents.items(), schema, cache):
        raise ValidationFailed(f"{settings.trusted_documents_file}: {found[0]}", field=FILE_SETTING)
    return TrustedDocuments(documents, only=settings.trusted_documents_only)


def _check_limits(settings: Settings, schema: Schema) -> None:
    """Raise `ValidationFailed` if a limit is for an operation that there is not."""
    rest = (operation.counted_as for operation in OPERATIONS)
    if unknown := unknown_operations(schema, rest, settings.limited_operations):
        raise ValidationFailed(f"there is no operation {unknown[0]} to limit", field="PERSONALIZATION_RATE_LIMITS")


async def _live(_request: Request) -> Response:
    """The process runs; touches nothing else."""
    return PlainTextResponse("ok\n")


async def _ready(request: Request) -> Response:
    """Whether requests should be sent here."""
    services: Services = request.app.state.services
    readiness = await services.health.readiness()
    body = {"status": readiness.status, "checks": dict(readiness.checks)}
    return JSONResponse(
        body, 200 if readiness.ready else 503, headers=None if readiness.ready else {"Retry-After": "1"}
    )


async def _home(_request: Request) -> Response:
    return HTMLResponse(home.page(GRAPHQL_PATH))


def _cors(settings: Settings) -> list[Middleware]:
    if not settings.origins:
        return []
    allowed = Middleware(
        CORSMiddleware,
        allow_origins=sorted(settings.origins),
        allow_methods=["GET", "POST", "PUT"],
        allow_headers=[
            "Authorization",
            "Content-Type",
            "Idempotency-Key",
            "Last-Event-ID",
            PREFLIGHTED,
            "X-Correlation-ID",
        ],
        expose_headers=["X-Correlation-ID", "Retry-After", "Cache-Status", "Server-Timing", CONFIRMED],
        max_age=600,
    )
    return [allowed]


def _loopback_only(settings: Settings) -> list[Middleware]:
    # Without authentication a page in the local browser must not reach the service under a name of its own.
    if settings.authentication:
        return []
    return [Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost", "[::1]"])]


def _authenticator(settings: Settings) -> Authenticator:
    return Authenticator(
        _key_source(settings),
        issuer=settings.jwt_issuer,
        audience=settings.jwt_audience,
        clock=SystemClock(),
        nobody=None if settings.authentication else everything(),
    )


def _key_source(settings: Settings) -> KeySource:
    if settings.jwt_jwks_url is not None:
        return JwksKeys(fetch_from(settings.jwt_jwks_url), SystemClock())
    if settings.jwt_secret is None:
        raise ValidationFailed(
            "tokens need PERSONALIZATION_JWT_SECRET or PERSONALIZATION_JWT_JWKS_URL",
            field="PERSONALIZATION_JWT_SECRET",
        )
    return SharedSecret(settings.jwt_secret.get_secret_value())
