"""How long a committed event takes to a socket, beside a bare publication on the same Redis in the same run.

    python -m benchmarks.live_updates [--json] [--rate 50] [--seconds 20] [--people 20]

Ours: `learn_preferences` has returned, so the event is committed and handed to Redis -> a WebSocket client of a real
uvicorn process holds the update of `realtimeUpdates`. Negative where the client is faster than the caller. Also from
the call itself: check, commit and publication included. The floor: `PUBLISH` -> a subscriber of the same channel.
The caller and the client live in one process, the server in another; both sides take the same rate.
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path

import redis.asyncio
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException
from websockets.typing import Subprotocol

from benchmarks.report import Figure, publish
from cli.ports import free_port
from domain.behavior.model import Action, BehaviorData
from domain.bootstrap import Services, migrate_database, open_services
from domain.clock import SystemClock
from domain.ids import TenantId, UserId
from domain.privacy.model import OBSERVED_PURPOSES
from domain.privacy.receipts import Evidence
from domain.settings import Settings
from domain.storage.embedded import EmbeddedPostgres, EmbeddedValkey
from graphql_api.auth import Scope, issue_token
