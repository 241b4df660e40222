"""What the tests of live doors put them into: a stream, a clock that only waiting moves, a wire."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

from filters.detect import Reading, Written
from filters.legs import LegState
from pipeline.connect.memory import DoorKey, Memory
from pipeline.connect.pulse import Pulse
from pipeline.connect.sink import Sink, Tally
from pipeline.connect.surroundings import Surroundings
from pipeline.ingest.lines import LongPart
from pipeline.ingest.loader import Loader
from pipeline.ingest.producer import Backoff, Producer
from tests.unit.ingest.streams import SeededStream

S = TypeVar("S", bound=msgspec.Struct)
START_MS = 1_764_000_000_000
KEY = DoorKey("firehose", "here", "arn:feed", 1, "live", "firehose")


class World:
    """A stream, a legs table, a clock, and all that was said and slept."""

    def __init__(self, folder: Path, stream: SeededStream | None = None) -> None:
        self.folder = folder
        self.stream = stream or SeededStream()
        self.now = 0.0
        self.said: list[str] = []
        self.slept: list[float] = []
        self.rejected: list[LongPart] = []
        self.legs = Legs()
        self.on_sleep: Callable[[], None] = lambda: None
        self.tally = Tally()
        self.around = Surroundings(
            say=self.said.append,
            clock=lambda: self.now,
            sleep=self.sleep,
            uniform=lambda low, high: (low + high) / 2,
            now_ms=self.now_ms,
        )

    def now_ms(self) -> int:
        return START_MS + int(self.now * 1000)

    def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        self.slept.append(seconds)
        self.now += seconds
        self.on_sleep()

    def sink(self, *, attempts: int = 12) -> Sink:
        producer = Producer(
            self.stream, backoff=Backoff(attempts=attempts), sleep=lambda _: None, uniform=min
        )
        return Sink(
            Loader(producer), "live", self.tally, reject=self.rejected.append, now=self.now_ms
        )

    def pulse(self) -> Pulse:
        return Pulse(self.legs, "live", say=self.said.append, now=self.now_ms)

    def memory(self, kind: type[S]) -> Memory[S]:
        return Memory(self.folder, KEY, kind)

    def payloads(self) -> list[bytes]:
        """What is in the stream, by arrival at the door."""
        found = sorted((m.sequence, m.payload) for _, _, m in self.stream.messages())
        return [payload for _, payload in found]


class Legs:
    """A legs table of pulses, which can be told to fail."""

    def __init__(self) -> None:
        self.states: dict[str, LegState] = {}
        self.writes = 0
        self.fails = False

    def read(self, keys: object) -> Reading:
        del keys
        return Reading(found=dict(self.states))

    def write(self, states: Sequence[LegState]) -> dict[str, Written]:
        self.writes += 1
        if self.fails:
            return {state.key: "failed" for state in states}
        self.states.update({state.key: state for state in states})
        return {state.key: "written" for state in states}


class Silence(float):
    """So many seconds in which nothing arrives."""


Script = Sequence[bytes | Silence | Exception]


class PlayedWire:
    """A connection that follows a script, then hangs up; waiting moves the world's clock."""

    def __init__(self, world: World, script: Script) -> None:
        self._world = world
        self._script = iter(script)
        self._silent = 0.0
        self.sent = b""
        self.closed = False

    def send(self, data: bytes) -> None:
        self.sent += data

    def receive(self, timeout_s: float) -> bytes | None:
        while True:
            if self._silent > 0:
                waited = min(self._silent, max(timeout_s, 0.001))
                self._silent -= waited
                self._world.now += waited
                return None
            step = next(self._script, b"")
            if isinstance(step, Silence):
                self._silent = float(step)
            elif isinstance(step, Exception):
                raise step
            else:
                return step

    def close(self) -> None:
        self.closed = True


class Line:
    """Makes one played connection after another, each with its script."""

    def __init__(self, world: World, *scripts: Script) -> None:
        self.wires: list[PlayedWire] = []
        self._world = world
        self._scripts: Iterator[Script] = iter(scripts)

    def connect(self) -> PlayedWire:
        script = next(self._scripts, None)
        if script is None:
            raise KeyboardInterrupt  # the operator stops it when the scripts are over
        self.wires.append(PlayedWire(self._world, script))
        return self.wires[-1]

    @property
    def commands(self) -> list[bytes]:
        return [wire.sent for wire in self.wires]
