"""Structured logs: one JSON line an event, with the correlation id of whatever caused it.

Nobody's name is in them: code that logs about people names none of them, neither by external nor by internal id.
"""

import json
import logging
import sys
from collections.abc import Callable, MutableMapping
from typing import Any

import orjson
import structlog


def configure_logging(*, level: str = "INFO", debug: bool = False) -> None:
    """Send every log line of this process, those of libraries included, to standard error as JSON.

    Args:
        level: the least severe level that is written.
        debug: write everything of this service, whatever `level` says.
    """
    threshold = logging.DEBUG if debug else getattr(logging, level)
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared[:2], *shared[3:], structlog.processors.JSONRenderer(serializer=_json)],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.getLogger("uvicorn.error").addFilter(_tells_no_caller)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _name_the_event,
                structlog.processors.JSONRenderer(serializer=_json),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO if debug else threshold)


def _tells_no_caller(record: logging.LogRecord) -> bool:
    """Whether a line of the server is kept: those about single sockets hold a caller's address and path."""
    return '"WebSocket' not in str(record.msg)


def _json(event: object, default: Callable[[Any], Any]) -> str:
    try:
        return orjson.dumps(event, default=default, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS).decode()
    except TypeError:
        # Integers of more than 64 bits and lone surrogates, which JSON's own module can write.
        return json.dumps(event, default=default, sort_keys=True)


def _name_the_event(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    event["event"] = str(event.get("event", ""))
    return event
