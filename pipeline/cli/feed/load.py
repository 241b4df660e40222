"""`flightwire feed load`: messages of files, pipes and S3 objects into a stream."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click
import msgspec

from pipeline.cli.feed.failures import REJECTS_EXIT, STOPPED_EXIT, CommandFailed
from pipeline.cli.feed.reading import (
    again,
    files_argument,
    format_option,
    found,
    reading,
    recognise_all,
)

if TYPE_CHECKING:
    from pipeline.aws.kinesis import KinesisStream
    from pipeline.ingest.inputs import Input
    from pipeline.ingest.load import LoadReport, Watcher
    from pipeline.ingest.loader import Loader
    from pipeline.ingest.messages import FeedSource
    from pipeline.ingest.packed import Unpacked
    from pipeline.ingest.producer import PutRecords


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


@click.command()
@files_argument
@click.option(
    "--to",
    default="local",
    show_default=True,
    metavar="local|STREAM",
    help="The local run on this machine, or a Kinesis stream.",
)
@format_option
@click.option("--feed", metavar="NAME", help="Name of the feed.  [default: the file's stem]")
@click.option("--rate", type=Rate(), help="Send at most so many messages a second.")
@click.option(
    "--rejects", type=click.Path(dir_okay=False, path_type=Path), help="File for what is rejected."
)
@click.option("--no-aggregate", is_flag=True, help="Send one Kinesis record per message.")
@click.option("--restart", is_flag=True, help="Begin at the first message, whatever was loaded.")
@click.option("--dry-run", is_flag=True, help="Read and count; send and write nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the counts as one JSON document.")
@click.pass_context
def load(ctx: click.Context, /, files: tuple[str, ...], **given: Any) -> None:  # noqa: ANN401  (click checks)
    """Load the messages of FILES into a stream.

    FILES are paths, quoted patterns ('day/*.xml'), - for standard input, s3://BUCKET/KEY, or
    s3://BUCKET/PREFIX/ for all objects there. gzip and zstd are unpacked.

    A load that was stopped goes on where it was: run the same command again. Broken messages
    travel too, and normalize dead-letters them with the reason; only what is too long to travel
    is set aside in a rejects file.

    \b
    Exit status: 0 done, 1 failed, 2 usage, 3 done with rejected messages.

    \b
    Examples:
      flightwire feed load firehose.jsonl --to local
      flightwire feed load monday.xml tuesday.xml.gz --to feed-stream --rate 200/s
      flightwire feed load s3://bucket/feeds/2026-11-20/ --to feed-stream --feed gatwick
      firehose-client | flightwire feed load - --to feed-stream --feed live
      flightwire feed load firehose.jsonl --to local --dry-run --json
    """  # noqa: D301  (click's own mark for lines to keep)
    command = _Load(msgspec.convert(given, _Options))
    options = command.options
    inputs = found(files, as_json=options.as_json)
    if options.rejects and len(inputs) > 1:
        raise click.UsageError("--rejects takes one FILE: each load has a rejects file of its own")
    recognise_all(inputs, options.format, as_json=options.as_json)
    reports: list[LoadReport] = []
    try:
        for each in inputs:
            reports.append(command.run(each))
            if not options.as_json:
                click.echo(_sentence(reports[-1], options))
    except KeyboardInterrupt:
        click.echo(f"Stopped: {again(each)}.", err=True)
        ctx.exit(STOPPED_EXIT)
    if options.as_json:
        click.echo(msgspec.json.encode({"loads": reports, "dry_run": options.dry_run}))
    ctx.exit(REJECTS_EXIT if any(report.counts.rejected for report in reports) else 0)


def _sentence(report: LoadReport, options: _Options) -> str:
    """Say how one input ended."""
    from pipeline.cli.feed.surveying import plural

    counts = report.counts
    if report.status == "already loaded":
        known = plural(counts.messages, "message")
        return f"{report.file}: already loaded ({known}); --restart loads again"
    if not counts.messages and not counts.rejected:
        return f"{report.file}: nothing to load, it holds no message"
    if options.dry_run:
        said = f"{plural(counts.messages, 'message')}, {counts.unkeyed:,} of them without a leg"
        rejected = f", {counts.rejected:,} too long to travel" if counts.rejected else ""
        return f"{report.file}: {said}{rejected}; nothing was sent"
    said = f"{plural(counts.acknowledged, 'message')} acknowledged to {options.to}"
    records = f"{plural(counts.kinesis_records, 'record')}, {plural(counts.requests, 'request')}"
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

    def run(self, given: Input) -> LoadReport:
        """Load one input; every foreseen error comes out as CommandFailed, with a next step."""
        from pipeline.aws.kinesis import StreamError
        from pipeline.ingest.checkpoint import CheckpointError
        from pipeline.ingest.lines import InputChangedError
        from pipeline.ingest.producer import NotAcknowledgedError
        from pipeline.ingest.rejects import RejectsFileError
        from pipeline.ingest.target import NoLocalRunError

        where = given.where
        try:
            with reading(given, self.options.format, as_json=self.options.as_json) as opened:
                return self._load(given, *opened)
        except NoLocalRunError as error:
            self._fail(error, "no_local_run", where, "start `flightwire local` in another terminal")
        except StreamError as error:
            self._fail(error, "stream", where, error.hint)
        except NotAcknowledgedError as error:
            self._fail(error, "not_acknowledged", where, again(given))
        except InputChangedError as error:
            hint = "--restart loads the file from its first message"
            self._fail(error, "input_changed", where, hint)
        except RejectsFileError as error:
            self._fail(error, "rejects", where, "name another file with --rejects, or leave it out")
        except CheckpointError as error:
            self._fail(error, "checkpoint", where, "wait for it, or begin anew with --restart")

    def _fail(self, error: Exception, code: str, where: str, hint: str) -> NoReturn:
        as_json = self.options.as_json
        raise CommandFailed(
            str(error), code=code, where=where, hint=hint, as_json=as_json
        ) from error

    def _load(self, given: Input, stream: Unpacked, format_name: str) -> LoadReport:
        from pipeline.ingest.inputs import feed_of
        from pipeline.ingest.load import LoadReport
        from pipeline.ingest.loader import LoadCounts
        from pipeline.ingest.messages import FeedSource
        from pipeline.ingest.progress import display

        if not format_name:
            return LoadReport(given.name, "loaded", LoadCounts(), format="")
        source = FeedSource(
            feed=self.options.feed or feed_of(given), format=format_name, file=given.name
        )
        with display(sys.stderr, source.file, given.size) as watcher:
            if given.identity and not self.options.dry_run:
                return self._load_again(given, stream, source, watcher)
            return self._load_once(stream, source, watcher)

    def _load_again(
        self, given: Input, stream: Unpacked, source: FeedSource, watcher: Watcher
    ) -> LoadReport:
        from pipeline.ingest.checkpoint import CheckpointFile, LoadKey
        from pipeline.ingest.load import Pace, load_again
        from pipeline.settings import state_dir

        target = self._open()
        identity = target.identity()
        key = LoadKey(
            path=given.identity,
            stream=identity.arn,
            stream_created_at=identity.created_at,
            feed=source.feed,
            format=source.format,
        )
        folder = state_dir() / "loads"
        return load_again(
            stream,
            self._loader(target),
            CheckpointFile(folder, key, rejects=self.options.rejects),
            source=source,
            restart=self.options.restart,
            pace=Pace(self.options.rate),
            watcher=watcher,
        )

    def _load_once(self, stream: Unpacked, source: FeedSource, watcher: Watcher) -> LoadReport:
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
