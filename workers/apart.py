"""Heavy work in a process of its own: it ends the moment that nobody wants it any more, holds up nothing else that a
worker does, and gives back its memory with its end.
"""

import asyncio
import copyreg
import multiprocessing
import os
import resource
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from types import MappingProxyType
from typing import Any, Final, Protocol, TypeVar

from domain.errors import DomainError, Unavailable
from domain.jobs.service import Report

T = TypeVar("T")

_SPAWN: Final = multiprocessing.get_context("spawn")


class Aside(Protocol):
    """Where work goes that takes a processor for long."""

    async def __call__(self, work: Callable[..., T], *arguments: Any, report: Report) -> T:
        """What `work(*arguments, report)` returns."""
        ...


class ProcessBroke(Exception):
    """An unexpected failure in the other process; its message is the traceback there."""


async def in_a_thread(work: Callable[..., T], *arguments: Any, report: Report) -> T:
    """Work in a thread of this process, which cannot be ended before its work."""
    return await asyncio.to_thread(work, *arguments, report)


async def in_a_process(work: Callable[..., T], *arguments: Any, report: Report) -> T:
    """Work in a process of its own, which ends with this call, with a cancellation, and with this process.

    `work`, its arguments and its result must be picklable.

    Raises:
        DomainError: as `work` raised it.
        Unavailable: the process was ended by somebody else, or for want of memory.
        ProcessBroke: `work` raised anything else.
    """
    ours, theirs = _SPAWN.Pipe()
    process = _SPAWN.Process(target=_work, args=(theirs,), daemon=True)
    process.start()
    theirs.close()
    try:
        return await asyncio.to_thread(_outcome, ours, (work, arguments), report)
    except (EOFError, OSError) as error:
        process.join()
        raise Unavailable(f"the process for it was ended ({_how(process.exitcode)})") from error
    finally:
        process.kill()
        process.join()


def peak_memory_mib() -> float:
    """The most memory that this process has held so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Linux counts in KiB, macOS in bytes.
    return round(peak / (1024 * 1024 if sys.platform == "darwin" else 1024), 1)


def _outcome(pipe: Connection, order: tuple[Callable[..., T], tuple[Any, ...]], report: Report) -> T:
    """Hand the order over and wait for what comes of it. Raises `EOFError` or `OSError` if the process ends."""
    pipe.send(order)
    while True:
        word, told = pipe.recv()
        if word == "progress":
            report(*told)
        elif word == "done":
            result: T = told
            return result
        else:
            raise told


def _work(pipe: Connection) -> None:
    """The other process: one order, and its end."""
    # Ctrl-C reaches every process of a terminal; the one that asked for the work ends this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    work, arguments = pipe.recv()
    try:
        outcome = "done", work(*arguments, lambda done, stage=None: pipe.send(("progress", (done, stage))))
    except DomainError as error:
        outcome = "failed", error
    except Exception:  # noqa: BLE001  # told to the process that asked, which logs it
        outcome = "failed", ProcessBroke(traceback.format_exc())
    with suppress(OSError):
        pipe.send(outcome)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _how(status: int | None) -> str:
    return f"by {signal.Signals(-status).name}" if status is not None and status < 0 else f"with status {status}"


def _read_only(mapping: dict[Any, Any]) -> MappingProxyType[Any, Any]:
    return MappingProxyType(mapping)


# A model's mapping of ids to rows is read-only, which pickle does not know by itself.
copyreg.pickle(MappingProxyType, lambda mapping: (_read_only, (dict(mapping),)))
