"""What the commands of `feed run` share: the stream, what is said, and how they end."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from types import FrameType
from typing import TYPE_CHECKING, Any, TypeVar

import click
import msgspec

from pipeline.cli.feed.failures import STOPPED_EXIT, CommandFailed
from pipeline.connect.sink import Tally
from pipeline.connect.surroundings import Surroundings

if TYPE_CHECKING:
    from pipeline.aws.kinesis import KinesisStream
    from pipeline.aws.legs import LegTable
    from pipeline.connect.memory import DoorKey, Memory
    from pipeline.connect.pulse import Pulse
    from pipeline.connect.sink import Sink
    from pipeline.ingest.loader import Loader
    from pipeline.ingest.target import LocalRun

_T = TypeVar("_T", bound=msgspec.Struct)
_LINE_S = 1.0
_LEGS = "LegsTable"


class Common(msgspec.Struct, frozen=True, kw_only=True):
    """The options every door has."""

    door: str
    feed: str
    to: str
    once: bool
    anew: bool
    no_aggregate: bool
    as_json: bool
    legs_table: str | None = None


class DoorError(Exception):
    """A door cannot go on: `code` for scripts, `hint` says what to do next."""

    def __init__(self, reason: str, code: str, hint: str) -> None:
        """State all three."""
        super().__init__(reason)
        self.code = code
        self.hint = hint


@dataclass
class Session:
    """One door of one command, with what it opens on demand."""

    common: Common

    def __post_init__(self) -> None:
        """Nothing is opened yet."""
        self.tally = Tally()
        self.around = Surroundings(say=self.say)

    def say(self, text: str) -> None:
        """A sentence for people, on stderr."""
        clear = "\r\x1b[K" if sys.stderr.isatty() else ""
        click.echo(f"{clear}{self.common.feed}: {text}", err=True)

    @cached_property
    def local(self) -> LocalRun | None:
        """The local run, when that is the target. Raises NoLocalRunError."""
        from pipeline.ingest.target import local_run

        return local_run() if self.common.to == "local" else None

    @cached_property
    def stream(self) -> KinesisStream:
        """The stream. Raises NoLocalRunError and StreamError."""
        from pipeline.aws.kinesis import open_local_stream, open_stream

        run = self.local
        if run is None:
            return open_stream(self.common.to)
        return open_local_stream(run.stream, endpoint_url=run.endpoint_url, region=run.region)

    def loader(self) -> Loader:
        """A loader into the stream."""
        from pipeline.ingest.loader import Loader
        from pipeline.ingest.producer import Producer

        return Loader(Producer(self.stream), aggregate=not self.common.no_aggregate)

    def key(self, source: str, format_name: str) -> DoorKey:
        """What tells this door from others. Raises StreamError."""
        from pipeline.connect.memory import DoorKey

        identity = self.stream.identity()
        return DoorKey(
            door=self.common.door,
            source=source,
            stream=identity.arn,
            stream_created_at=identity.created_at,
            feed=self.common.feed,
            format=format_name,
        )

    def memory(self, key: DoorKey, kind: type[_T]) -> Memory[_T]:
        """The file of what this door remembers."""
        from pipeline.connect.memory import Memory
        from pipeline.settings import state_dir

        return Memory(state_dir() / "live", key, kind)

    def sink(self) -> Sink:
        """Where messages go; what cannot travel goes to a file of this run."""
        from pipeline.clock import now_ms
        from pipeline.connect.sink import Sink
        from pipeline.ingest.rejects import RejectsFile
        from pipeline.settings import state_dir

        name = "".join(one if one.isalnum() else "-" for one in self.common.feed[:100])
        path = state_dir() / "live" / f"{name}.{now_ms()}.rejects.jsonl"
        rejects = RejectsFile(path, self.common.feed)

        def reject(part: Any) -> None:  # noqa: ANN401  (ingest's long part)
            if not rejects.count:
                self.say(f"a message is too long to travel; such ones are kept in {path}")
            rejects.add(part)
            rejects.sync()

        return Sink(self.loader(), self.common.feed, self.tally, reject=reject)

    def pulse(self) -> Pulse:
        """Who keeps that a quiet feed is alive."""
        from pipeline.connect.pulse import Pulse

        legs = self.legs()
        if legs is None:
            self.say("without --legs-table a quiet feed will be taken for a dead one")
        return Pulse(legs, self.common.feed, say=self.say)

    def legs(self) -> LegTable | None:
        """The legs table, when it is known."""
        return legs_of(self.local, self.common.legs_table)


def legs_of(run: LocalRun | None, table: str | None) -> LegTable | None:
    """The legs table: the one named, or that of a local run; None when neither is known."""
    from pipeline.aws.legs import open_legs

    if run is None:
        return None if table is None else open_legs(table)
    name = table or run.tables.get(_LEGS)
    if name is None:
        return None
    return open_legs(name, endpoint_url=run.endpoint_url, region=run.region)


def serve(session: Session, work: Callable[[], None]) -> int:
    """Do the work until it ends or is stopped; say what came of it; the exit status.

    Every foreseen error comes out as a ClickException with a next step.
    """
    stopped = False
    with _told_to_stop(), _moving(session):
        try:
            _translated(session, work)
        except KeyboardInterrupt:
            stopped = True
    tally = session.tally
    if session.common.as_json:
        said = {"feed": session.common.feed, "stopped": stopped, "counts": tally}
        click.echo(msgspec.json.encode(said))
    else:
        click.echo(f"{session.common.feed}: {_sentence(tally)} to {session.common.to}")
    return STOPPED_EXIT if stopped and tally.acknowledged < tally.messages else 0


def _translated(session: Session, work: Callable[[], None]) -> None:
    from botocore.exceptions import BotoCoreError

    from pipeline.aws.kinesis import StreamError
    from pipeline.connect.firehose import FirehoseError
    from pipeline.connect.http_poll import PollError
    from pipeline.ingest.checkpoint import CheckpointError
    from pipeline.ingest.producer import NotAcknowledgedError
    from pipeline.ingest.target import NoLocalRunError

    def failed(error: Exception, code: str, hint: str) -> CommandFailed:
        common = session.common
        return CommandFailed(
            str(error), code=code, where=common.feed, hint=hint, as_json=common.as_json
        )

    again = "run the same command again to go on; what was acknowledged is kept"
    try:
        work()
    except DoorError as error:
        raise failed(error, error.code, error.hint) from error
    except (FirehoseError, PollError) as error:
        raise failed(error, "source", error.hint) from error
    except NoLocalRunError as error:
        raise failed(
            error, "no_local_run", "start `flightwire local` in another terminal"
        ) from error
    except StreamError as error:
        raise failed(error, "stream", error.hint) from error
    except NotAcknowledgedError as error:
        raise failed(error, "not_acknowledged", again) from error
    except CheckpointError as error:
        raise failed(
            error, "checkpoint", "stop the other one, or begin anew with --anew"
        ) from error
    except BotoCoreError as error:
        raise failed(error, "aws", "check region, credentials and --legs-table") from error
    except OSError as error:
        raise failed(error, "file", again) from error


def _sentence(tally: Tally) -> str:
    """What a door has done, in one line."""
    others = (
        (tally.heartbeats, "heartbeats"),
        (tally.unchanged, "unchanged"),
        (tally.too_long, "too long"),
        (tally.failures, "failures"),
    )
    listed = ", ".join(f"{count:,} {name}" for count, name in others if count)
    return f"{tally.acknowledged:,} messages acknowledged{f' ({listed})' if listed else ''}"


@contextmanager
def _told_to_stop() -> Iterator[None]:
    """Take SIGTERM for Ctrl-C, as service managers stop with it."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    try:
        before = signal.signal(signal.SIGTERM, stop)
    except ValueError:  # not the main thread, where no signal arrives anyway
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _moving(session: Session) -> Iterator[None]:
    """A moving line of counts, on a terminal."""
    if not sys.stderr.isatty():
        yield
        return
    over = threading.Event()

    def show() -> None:
        while not over.wait(_LINE_S):
            text = f"\r\x1b[K{session.common.feed}: {_sentence(session.tally)}"
            with suppress(OSError):
                sys.stderr.write(text)
                sys.stderr.flush()

    thread = threading.Thread(target=show, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        sys.stderr.write("\r\x1b[K")
