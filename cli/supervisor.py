"""Keeps the parts of a service running together: started in order, started again when they crash, stopped in reverse.

One process owns all the others, so that one Ctrl-C, one SIGTERM or one `kill -9` ends the whole service and nothing of
it stays behind.
"""

import signal
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from types import FrameType, TracebackType
from typing import Any, Protocol, Self, TypeVar

from domain.errors import DomainError

POLL_SECONDS = 0.1
MOST_DOUBLINGS = 64
T_co = TypeVar("T_co", covariant=True)
T = TypeVar("T")


class Part(Protocol[T_co]):
    """Something that runs: an embedded server or a program."""

    @property
    def name(self) -> str:
        """What reports call it."""
        ...

    def start(self) -> T_co:
        """Start it, or start it again after it ended; gives its address or process id."""
        ...

    def stop(self) -> None:
        """End it in order and wait; nothing happens if it is not running."""
        ...

    def kill(self) -> None:
        """End it at once without waiting."""
        ...

    def exit_status(self) -> int | None:
        """None while it runs; else how it ended by itself."""
        ...


@dataclass(frozen=True)
class RestartPolicy:
    """When and how often a part that ended by itself is started again.

    Attributes:
        first_delay_seconds: pause before the first attempt; it doubles with each further one.
        longest_delay_seconds: where the doubling ends.
        healthy_after_seconds: a part that ran this long has its earlier failures forgotten.
        attempts: after so many failures in a row the whole service is stopped, for whoever runs it to see.
    """

    first_delay_seconds: float = 0.5
    longest_delay_seconds: float = 30.0
    healthy_after_seconds: float = 30.0
    attempts: int = 8

    def delay_seconds(self, failures: int) -> float:
        """The pause after the n-th failure in a row, n from 1."""
        # No pause needs more doublings, and a float holds no more than a thousand.
        doublings = min(failures - 1, MOST_DOUBLINGS)
        return min(self.first_delay_seconds * 2.0**doublings, self.longest_delay_seconds)


class StopRequested(BaseException):
    """SIGINT, SIGTERM or SIGHUP arrived; raised in the main thread wherever it is, the starting of parts included."""


@dataclass
class _Watched:
    part: Part[Any]
    started_at: float
    failures: int = 0
    restart_at: float | None = None


class Supervisor:
    """A context manager for the main thread; leaving it stops every part, the last started first.

    Inside it, a first SIGINT, SIGTERM or SIGHUP ends the block quietly, wherever it stands; a second one kills what is
    still running. Afterwards `exit_status` is 0, or 1 if a part could not be kept running.
    """

    def __init__(self, report: Callable[[str], None], policy: RestartPolicy | None = None) -> None:
        """Prepare to supervise; `report` receives one sentence for each thing a person should know."""
        self.exit_status = 0
        self._report = report
        self._policy = policy or RestartPolicy()
        self._watched: list[_Watched] = []
        self._cleanup = ExitStack()
        self._stopping = False

    def start(self, part: Part[T]) -> T:
        """Start a part and keep it running from now on; what its `start` raises is raised."""
        # Entered before it is started, so that an interrupted start is cleaned up too.
        self._cleanup.callback(self._stop, part)
        watched = _Watched(part, time.monotonic())
        self._watched.append(watched)
        started = part.start()
        watched.started_at = time.monotonic()
        return started

    def wait(self) -> None:
        """Keep the parts running until a signal arrives or one of them cannot be kept running."""
        while self.exit_status == 0:
            for watched in self._watched:
                self._tend(watched)
            time.sleep(POLL_SECONDS)

    def __enter__(self) -> Self:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            before = signal.getsignal(number)
            # Under nohup the service is meant to survive its terminal.
            if number != signal.SIGHUP or before != signal.SIG_IGN:
                signal.signal(number, self._on_signal)
                self._cleanup.callback(signal.signal, number, before)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        self._stopping = True
        self._cleanup.close()
        return isinstance(error, StopRequested)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - the shape of a handler
        if not self._stopping:
            self._stopping = True
            raise StopRequested
        self._report("killing what is still running")
        for watched in self._watched:
            watched.part.kill()

    def _stop(self, part: Part[Any]) -> None:
        self._report(f"stopping {part.name}")
        part.stop()

    def _tend(self, watched: _Watched) -> None:
        now = time.monotonic()
        if watched.restart_at is not None:
            if now >= watched.restart_at:
                self._restart(watched)
        elif (status := watched.part.exit_status()) is not None:
            if now - watched.started_at >= self._policy.healthy_after_seconds:
                watched.failures = 0
            self._failed(watched, f"ended {_how(status)}")

    def _restart(self, watched: _Watched) -> None:
        watched.restart_at = None
        try:
            watched.part.start()
        except (DomainError, OSError) as error:
            self._failed(watched, f"could not be started: {error}")
        else:
            watched.started_at = time.monotonic()

    def _failed(self, watched: _Watched, what: str) -> None:
        watched.failures += 1
        if watched.failures >= self._policy.attempts:
            self._report(
                f"{watched.part.name} {what}; it failed {watched.failures} times in a row, stopping everything"
            )
            self.exit_status = 1
            return
        delay = self._policy.delay_seconds(watched.failures)
        watched.restart_at = time.monotonic() + delay
        self._report(f"{watched.part.name} {what}; starting it again in {delay:g} s")


def _how(status: int) -> str:
    if status >= 0:
        return f"with status {status}"
    return f"by {signal.Signals(-status).name}"
