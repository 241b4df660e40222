"""`flightwire feed`: bring feed messages into the pipeline."""

from __future__ import annotations

import re
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NoReturn

import click
import msgspec

if TYPE_CHECKING:
    from pipeline.aws.kinesis import KinesisStream
    from pipeline.ingest.load import LoadReport, Watcher
    from pipeline.ingest.loader import Loader
    from pipeline.ingest.messages import FeedSource
    from pipeline.ingest.producer import PutRecords

_STDIN = Path("-")
_REJECTS_EXIT = 3
_STOPPED_EXIT = 130


class Rate(click.ParamType[float]):
    """Messages per second: `200` or `200/s`."""

    name = "N/s"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """A positive number."""
        found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)(?:/s)?", str(value))
        if found is None or float(found[1]) <= 0:
            self.fail(f"{value!r} is no rate; write for example 200/s", param, ctx)
        return float(found[1])


class LoadFailed(click.ClickException):
    """A load that stopped: what happened, where, and what to do next."""

    def __init__(self, error: str, *, code: str, where: str, hint: str, as_json: bool) -> None:
        """All go to stderr; as one JSON document when `as_json`."""
        super().__init__(error)
        self._fields = {"error": error, "code": code, "hint": hint, "where": where}
        self._json = as_json

    def show(self, file: Any = None) -> None:  # noqa: ANN401  (click's own signature)
        """Write to stderr; stdout stays empty."""
        if self._json:
            click.echo(msgspec.json.encode(self._fields), file=file, err=True)
            return
        where = self._fields["where"]
        click.echo(f"Error: {f'{where}: ' if where else ''}{self.message}", file=file, err=True)
        click.echo(f"  {self._fields['hint']}", file=file, err=True)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def feed() -> None:
    """Bring feed messages into the pipeline.

    \b
    Examples:
      flightwire feed load firehose.jsonl --to local
      flightwire feed load monday.jsonl tuesday.jsonl --to feed-stream --rate 200/s
    """  # noqa: D301  (click's own mark for lines to keep)


@feed.command()
@click.argument(
    "files",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, dir_okay=False, readable=True, allow_dash=True, path_type=Path),
)
@click.option(
    "--to",
    default="local",
    show_default=True,
    metavar="local|STREAM",
    help="The local run on this machine, or a Kinesis stream.",
)
@click.option("--format", default="firehose", show_default=True, help="Format of the messages.")
@click.option("--feed", metavar="NAME", help="Name of the feed.  [default: the file's stem]")
@click.option("--rate", type=Rate(), help="Send at most so many messages a second.")
@click.option(
    "--rejects", type=click.Path(dir_okay=False, path_type=Path), help="File for rejected lines."
)
@click.option("--no-aggregate", is_flag=True, help="Send one Kinesis record per message.")
@click.option("--restart", is_flag=True, help="Begin at the first line, whatever was loaded.")
@click.option("--dry-run", is_flag=True, help="Read and count; send and write nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the counts as one JSON document.")
@click.pass_context
def load(ctx: click.Context, /, files: tuple[Path, ...], **given: Any) -> None:  # noqa: ANN401  (click checks)
    """Load FILES of one message per line into a stream; - is standard input.

    A load that was stopped goes on where it was: run the same command again. Broken messages
    travel too, and normalize dead-letters them with the reason; only lines too long to travel are
    set aside in a rejects file.

    \b
    Exit status: 0 done, 1 failed, 2 usage, 3 done with rejected lines.

    \b
    Examples:
      flightwire feed load firehose.jsonl --to local
      flightwire feed load monday.jsonl tuesday.jsonl --to feed-stream --rate 200/s
      firehose-client | flightwire feed load - --to feed-stream --feed live
      flightwire feed load firehose.jsonl --to local --dry-run --json
    """  # noqa: D301  (click's own mark for lines to keep)
    command = _Load(msgspec.convert(given, _Options))
    options = command.options
    if options.rejects and len(files) > 1:
        raise click.UsageError("--rejects takes one FILE: each load has a rejects file of its own")
    reports: list[LoadReport] = []
    try:
        for path in files:
            reports.append(command.run(path))
            if not options.as_json:
                click.echo(_sentence(reports[-1], options))
    except KeyboardInterrupt:
        click.echo(f"Stopped: {_again(path)}.", err=True)
        ctx.exit(_STOPPED_EXIT)
    if options.as_json:
        click.echo(msgspec.json.encode({"loads": reports, "dry_run": options.dry_run}))
    ctx.exit(_REJECTS_EXIT if any(report.counts.rejected for report in reports) else 0)


def _again(path: Path) -> str:
    """Say how to go on with an input that was not finished."""
    if path == _STDIN:
        return "standard input cannot be read again; send the rest of it anew"
    return "run the same command again to go on; what was acknowledged is kept"


def _sentence(report: LoadReport, options: _Options) -> str:
    """Say how one input ended."""
    counts = report.counts
    if report.status == "already loaded":
        return (
            f"{report.file}: already loaded ({counts.messages:,} messages); --restart loads again"
        )
    if not counts.messages and not counts.rejected:
        return f"{report.file}: nothing to load, no line holds a message"
    if options.dry_run:
        said = f"{counts.messages:,} messages, {counts.unkeyed:,} of them without a leg"
        rejected = f", {counts.rejected:,} lines too long" if counts.rejected else ""
        return f"{report.file}: {said}{rejected}; nothing was sent"
    said = f"{counts.acknowledged:,} messages acknowledged to {options.to}"
    records = f"{counts.kinesis_records:,} records, {counts.requests:,} requests"
    retried = f", {counts.retried:,} sent again" if counts.retried else ""
    rejected = f"; {counts.rejected:,} rejected, see {report.rejects}" if counts.rejected else ""
    return f"{report.file}: {said} ({records}{retried}){rejected}"


class _Options(msgspec.Struct, frozen=True):
    to: str
    format: str
    feed: str | None
    rate: float | None
    rejects: Path | None
    no_aggregate: bool
    restart: bool
    dry_run: bool
    as_json: bool


class _Load:
    """One command: its options, and the stream once it is open."""

    def __init__(self, options: _Options) -> None:
        self.options = options
        self._stream: KinesisStream | None = None

    def run(self, path: Path) -> LoadReport:
        """Load one input; every foreseen error comes out as LoadFailed, with a next step."""
        from pipeline.aws.kinesis import StreamError
        from pipeline.ingest.checkpoint import CheckpointError
        from pipeline.ingest.lines import InputChangedError
        from pipeline.ingest.producer import NotAcknowledgedError
        from pipeline.ingest.rejects import RejectsFileError
        from pipeline.ingest.target import NoLocalRunError

        try:
            return self._load(path)
        except NoLocalRunError as error:
            self._fail(error, "no_local_run", path, "start `flightwire local` in another terminal")
        except StreamError as error:
            self._fail(error, "stream", path, error.hint)
        except NotAcknowledgedError as error:
            self._fail(error, "not_acknowledged", path, _again(path))
        except InputChangedError as error:
            hint = "--restart loads the file from its first line"
            self._fail(error, "input_changed", path, hint)
        except RejectsFileError as error:
            self._fail(error, "rejects", path, "name another file with --rejects, or leave it out")
        except CheckpointError as error:
            self._fail(error, "checkpoint", path, "wait for it, or begin anew with --restart")
        except OSError as error:
            self._fail(error, "file", path, _again(path))

    def _fail(self, error: Exception, code: str, path: Path, hint: str) -> NoReturn:
        as_json = self.options.as_json
        raise LoadFailed(
            str(error), code=code, where=str(path), hint=hint, as_json=as_json
        ) from error

    def _load(self, path: Path) -> LoadReport:
        from pipeline.ingest.messages import FeedSource, printable_name
        from pipeline.ingest.progress import display

        name, stem = ("stdin", "stdin") if path == _STDIN else (path.name, path.stem)
        source = FeedSource(
            feed=self.options.feed or printable_name(stem),
            format=self.options.format,
            file=printable_name(name),
        )
        whole = path != _STDIN and path.is_file()
        size = path.stat().st_size if whole else None
        with display(sys.stderr, source.file, size) as watcher:
            if whole and not self.options.dry_run:
                return self._load_file(path, source, watcher)
            opened = nullcontext(sys.stdin.buffer) if path == _STDIN else path.open("rb")
            with opened as stream:
                return self._load_once(stream, source, watcher)

    def _load_file(self, path: Path, source: FeedSource, watcher: Watcher) -> LoadReport:
        from pipeline.ingest.checkpoint import CheckpointFile, LoadKey
        from pipeline.ingest.load import Pace, load_file
        from pipeline.ingest.messages import printable_name
        from pipeline.settings import state_dir

        stream = self._open()
        identity = stream.identity()
        key = LoadKey(
            path=printable_name(str(path.resolve())),
            stream=identity.arn,
            stream_created_at=identity.created_at,
            feed=source.feed,
            format=source.format,
        )
        folder = state_dir() / "loads"
        return load_file(
            path,
            self._loader(stream),
            CheckpointFile(folder, key, rejects=self.options.rejects),
            source=source,
            restart=self.options.restart,
            pace=Pace(self.options.rate),
            watcher=watcher,
        )

    def _load_once(self, stream: BinaryIO, source: FeedSource, watcher: Watcher) -> LoadReport:
        from pipeline.clock import now_ms
        from pipeline.ingest.load import Discard, Pace, load_once
        from pipeline.settings import state_dir

        target: PutRecords = Discard()
        rejects: Path | None = None
        if not self.options.dry_run:
            target = self._open()
            beside = f"{source.file}.{now_ms()}.rejects.jsonl"
            rejects = self.options.rejects or state_dir() / "loads" / beside
        return load_once(
            stream,
            self._loader(target),
            source=source,
            rejects=rejects,
            pace=Pace(self.options.rate),
            watcher=watcher,
        )

    def _loader(self, stream: PutRecords) -> Loader:
        from pipeline.ingest.loader import Loader
        from pipeline.ingest.producer import Producer

        return Loader(Producer(stream), aggregate=not self.options.no_aggregate)

    def _open(self) -> KinesisStream:
        from pipeline.aws.kinesis import open_local_stream, open_stream
        from pipeline.ingest.target import local_run

        if self._stream is None:
            if self.options.to == "local":
                run = local_run()
                self._stream = open_local_stream(
                    run.stream, endpoint_url=run.endpoint_url, region=run.region
                )
            else:
                self._stream = open_stream(self.options.to)
        return self._stream
