"""The first page of a development server: where everything is."""

from html import escape
from typing import Final

from graphql_api.rest import paths
from graphql_api.rest.stylesheet import STYLESHEET

PLACES: Final = (
    (paths.DOCS, "REST routes", "the documented routes, each with a line to paste"),
    (paths.OPENAPI, "OpenAPI 3.1", "their description for programs"),
    (f"{paths.PREFIX}/health", "Health", "the state of the service and its parts"),
    ("/readyz", "Readiness", "whether requests should be sent here"),
    ("/metrics", "Metrics", "for Prometheus"),
)


def page(graphql_path: str) -> str:
    """The page, as HTML that needs no network.

    Args:
        graphql_path: where GraphQL is served.
    """
    places = ((graphql_path, "GraphQL explorer", "try queries, mutations and subscriptions"), *PLACES)
    entries = "".join(
        f'<li><a href="{escape(path)}">{escape(name)}</a>: {escape(what)}</li>' for path, name, what in places
    )
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Personalization Service</title>
<style>{STYLESHEET}</style>
</head>
<body>
<h1>Personalization Service</h1>
<p>This is a development server. Requests need a token: <code>personalization token</code> makes one.</p>
<nav aria-label="Places"><ul>{entries}</ul></nav>
</body>
</html>
"""
