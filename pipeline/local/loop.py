"""One asyncio program, two kinds of time: the wall's, or a virtual one that never sleeps.

On the virtual loop time stands still while anything is ready to run and then jumps to the next
timer. Nothing else may wake it (no threads, no sockets), so two runs of one program interleave
identically. The event source mappings are written against loop time only and run on either.
"""

from __future__ import annotations

import asyncio
import selectors
import time
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn, ParamSpec, TypeVar

if TYPE_CHECKING:
    from _typeshed import FileDescriptorLike

T = TypeVar("T")
P = ParamSpec("P")


class DeadlockError(RuntimeError):
    """On virtual time nothing is ready and no timer is set: the program waits for ever."""


class TimeLimitError(RuntimeError):
    """Virtual time passed the limit given to `run`."""


class _JumpingSelector(selectors.BaseSelector):
    """Where an event loop would sleep, move its clock instead."""

    def __init__(self, limit_s: float | None) -> None:
        self.now_s = 0.0
        self._limit_s = limit_s
        self._keys: dict[FileDescriptorLike, selectors.SelectorKey] = {}

    def register(
        self, fileobj: FileDescriptorLike, events: int, data: object = None
    ) -> selectors.SelectorKey:
        """Take the loop's own wake-up pipe, which comes first, and nothing after it."""
        if self._keys:
            message = "a virtual-time loop has no sockets or pipes; run this on the wall's clock"
            raise RuntimeError(message)
        number = fileobj if isinstance(fileobj, int) else fileobj.fileno()
        key = selectors.SelectorKey(fileobj, number, events, data)
        self._keys[fileobj] = key
        return key

    def unregister(self, fileobj: FileDescriptorLike) -> selectors.SelectorKey:
        return self._keys.pop(fileobj)

    def get_map(self) -> Mapping[FileDescriptorLike, selectors.SelectorKey]:
        return self._keys

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Let `timeout` seconds pass at once; None means that nothing could ever end the wait."""
        if timeout is None:
            waiting = sorted(task.get_name() for task in asyncio.all_tasks())
            message = f"nothing is ready and no timer is set; waiting: {', '.join(waiting)}"
            raise DeadlockError(message)
        if timeout > 0:
            self.now_s += timeout
            if self._limit_s is not None and self.now_s > self._limit_s:
                message = f"the program is not done after {self._limit_s:g} virtual seconds"
                raise TimeLimitError(message)
        return []


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An event loop whose `time()` starts at 0 and jumps from timer to timer.

    Raises DeadlockError from `run_until_complete` when nothing is ready and no timer is set, and
    TimeLimitError once time passes `limit_s` seconds.
    """

    def __init__(self, limit_s: float | None = None) -> None:
        self._jumping = _JumpingSelector(limit_s)
        super().__init__(self._jumping)

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self._jumping.now_s

    def run_in_executor(self, *_args: object) -> NoReturn:
        """Refuse: a thread takes wall time, which does not exist here."""
        message = "threads do not run on virtual time; use pipeline.local.loop.call"
        raise RuntimeError(message)


class RunClock:
    """Epoch milliseconds (UTC) of a run: where it started plus how far its loop has come."""

    def __init__(self, start_ms: int, loop: asyncio.AbstractEventLoop) -> None:
        self.start_ms = start_ms
        self._loop = loop
        self._origin_s = loop.time()

    def now_ms(self) -> int:
        """Milliseconds since the epoch, UTC."""
        return self.start_ms + round((self._loop.time() - self._origin_s) * 1000)


def run(
    main: Callable[[RunClock], Coroutine[Any, Any, T]],
    *,
    virtual: bool,
    start_ms: int | None = None,
    limit_s: float | None = None,
) -> T:
    """Run `main(clock)` to its end on a new loop and return its result.

    `start_ms` is the clock's first reading (epoch milliseconds, UTC); None takes the wall's time
    now. `limit_s` bounds virtual time, so that a program which never ends fails instead.
    Raises DeadlockError and TimeLimitError on virtual time, and whatever `main` raises.
    """
    factory = partial(VirtualTimeLoop, limit_s) if virtual else asyncio.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        start = time.time_ns() // 1_000_000 if start_ms is None else start_ms
        return runner.run(main(RunClock(start, runner.get_loop())))


async def call(fn: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run a blocking function: in a thread on the wall's clock, inline on virtual time.

    Inline it takes no virtual time and yields once, so that a loop of calls starves nobody.
    """
    if isinstance(asyncio.get_running_loop(), VirtualTimeLoop):
        await asyncio.sleep(0)
        return fn(*args, **kwargs)
    return await asyncio.to_thread(fn, *args, **kwargs)


async def pause(seconds: float, unless: asyncio.Event) -> bool:
    """Wait `seconds`, or less when the event is set: True if it was set."""
    try:
        async with asyncio.timeout(seconds):
            await unless.wait()
    except TimeoutError:
        return False
    return True
