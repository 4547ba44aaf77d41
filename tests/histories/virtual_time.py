"""Time that passes only when everybody waits, and processes that take turns by it."""

from __future__ import annotations

import time
from contextlib import contextmanager
from datetime import UTC, datetime
from heapq import heappop, heappush
from itertools import count
from typing import TYPE_CHECKING, Any

import time_machine
from greenlet import GreenletExit, getcurrent, greenlet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

EPOCH = datetime(2026, 3, 2, 9, tzinfo=UTC).timestamp()
"""When each history begins."""

_travelling = time_machine.travel(EPOCH, tick=False)


class Killed(BaseException):
    """The process is gone; nothing of it runs any more."""


class Timeline:
    """What happens next, and what time it is."""

    def __init__(self) -> None:
        self.now = EPOCH
        self._queue: list[tuple[float, int, Callable[[], Any]]] = []
        self._order = count()
        self.traveller: Any = None

    def at(self, moment: float, action: Callable[[], Any]) -> None:
        """Do something at a moment."""
        heappush(self._queue, (max(moment, self.now), next(self._order), action))

    def after(self, seconds: float, action: Callable[[], Any]) -> None:
        """Do something in a while."""
        self.at(self.now + seconds, action)

    def run(self) -> None:
        """Let everything happen, until nothing is left to happen."""
        while self._queue:
            self.now, _, action = heappop(self._queue)
            action()

    def sleep(self, seconds: float) -> None:
        """Let the running process wait; takes the place of :func:`time.sleep`."""
        process = getcurrent()
        if not isinstance(process, Process):
            raise TypeError("only a process of the simulation can sleep")
        self.after(seconds, process.go_on)
        process.parent.switch()

    @contextmanager
    def in_charge(self) -> Iterator[None]:
        """Put this in place of the real time."""
        real_sleep = time.sleep
        self.traveller = _travelling.start()
        time.sleep = self.sleep
        try:
            yield
        finally:
            time.sleep = real_sleep
            _travelling.stop()


class Process(greenlet):
    """
    A process on a worker, with that worker's clock.

    :param timeline: the time.
    :param name: what it is called in the steps.
    :param clock_ahead: how far the clock of its machine is ahead, in seconds.
    :param work: what it does.
    :param ended: called when it is over, with what it returned or raised; not if it was killed.
    """

    def __init__(
        self,
        timeline: Timeline,
        name: str,
        clock_ahead: float,
        work: Callable[[], Any],
        ended: Callable[[Any, BaseException | None], None],
    ) -> None:
        super().__init__()
        self.timeline, self.name, self.clock_ahead = timeline, name, clock_ahead
        self._work, self._ended = work, ended
        self.is_dead = False
        self.died_at = float("inf")

    def run(self) -> None:
        try:
            result = self._work()
        except (Killed, GreenletExit):
            return
        except BaseException as error:  # a deferral of Airflow's is none of Exception
            self.is_dead = True
            self._ended(None, error)
        else:
            self.is_dead = True
            self._ended(result, None)

    def go_on(self) -> None:
        """Run until it waits for something."""
        if not self.is_dead:
            self.timeline.traveller.move_to(self.timeline.now + self.clock_ahead)
            self.switch()

    def kill(self) -> None:
        """End it where it is; called from outside."""
        if not self.is_dead:
            self.is_dead, self.died_at = True, self.timeline.now
            if self:
                self.throw(Killed)

    def die(self) -> None:
        """End it where it is; called by itself."""
        self.is_dead, self.died_at = True, self.timeline.now
        raise Killed

    @staticmethod
    def running() -> Process:
        """Return the process that this is called in; what a dead one still tries has no effect."""
        process = getcurrent()
        if not isinstance(process, Process):
            raise TypeError("no process of the simulation is running")
        if process.is_dead:
            raise Killed
        return process
