"""What `up` tells when everything answers: to a program one JSON line, to a person addresses and a line to paste."""

import os
import sys
from typing import Final

from cli.demo.behaviour import EXAMPLE_USER
from cli.endpoints import Endpoints
from cli.first_run import DEMO_TENANT
from cli.output import print_result, say
from domain.settings import Settings

QUESTION: Final = '{ recommendations(userId: \\"%s\\", first: 10) { edges { node { title score reasons { text } } } } }'


def announce(settings: Settings, endpoints: Endpoints, token: str | None, *, as_json: bool) -> None:
    """Say where everything is, and the token for development if there is one."""
    if as_json:
        print_result(
            {
                "graphql": endpoints.graphql,
                "rest": endpoints.rest,
                "ws": endpoints.ws,
                "health": endpoints.health,
                "metrics": endpoints.metrics,
                "tenant": DEMO_TENANT,
                "pid": os.getpid(),
                "token": token,
            }
        )
        return
    _describe(settings, endpoints, token)


def curl_line(endpoints: Endpoints, token: str) -> str:
    """A command that answers with ten explained recommendations for the demo's example user."""
    body = '{"query": "%s"}' % (QUESTION % EXAMPLE_USER)
    return (
        f"curl -s {endpoints.graphql} -H 'Authorization: Bearer {token}' "
        f"-H 'Content-Type: application/json' -d '{body}'"
    )


def _describe(settings: Settings, endpoints: Endpoints, token: str | None) -> None:
    places = {
        "GraphQL": endpoints.graphql,
        "Explorer": f"{endpoints.graphql} (in a browser)",
        "WebSocket": endpoints.ws,
        "REST docs": endpoints.docs,
        "Health": endpoints.health,
        "Metrics": endpoints.metrics,
        "Logs": str(settings.data_dir / "logs"),
    }
    say("\nReady.", style="bold")
    for name, place in places.items():
        say(f"  {name:<10} {place}")
    if token is not None:
        say(f"\nDevelopment token for tenant {DEMO_TENANT} (every scope, any user, 30 days):")
        _print(token)
        say("\nTen recommendations with their reasons:")
        _print(curl_line(endpoints, token))
    say("\nCtrl-C stops everything.")


def _print(text: str) -> None:
    # Past rich, which would take brackets for markup and wrap what is meant to be pasted.
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
