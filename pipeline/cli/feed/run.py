"""`flightwire feed run`: live doors, each until it is stopped."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import click
import msgspec

from pipeline.cli.feed.reading import AUTO, format_option
from pipeline.cli.feed.session import Common, DoorError, Session, serve

_F = TypeVar("_F", bound=Callable[..., Any])
_LOOPBACK = frozenset(("localhost", "127.0.0.1", "::1"))


class Moment(click.ParamType[int]):
    """A moment: seconds since the epoch, or ISO 8601 with a zone. Gives epoch seconds, UTC."""

    name = "TIME"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """Seconds since the epoch, UTC."""
        text = str(value)
        if re.fullmatch(r"[0-9]{9,11}", text):
            return int(text)
        try:
            moment = dt.datetime.fromisoformat(text)
        except ValueError:
            moment = None
        if moment is None or moment.tzinfo is None:
            self.fail(f"{text!r}: write 1764000000 or 2026-11-20T08:00:00Z", param, ctx)
        return int(moment.timestamp())


class Begin(Moment):
    """A moment, or `pitr` or `live`, which stay words."""

    name = "pitr|live|TIME"

    def convert(  # type: ignore[override]  # words beside the moments
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int | str:
        """The word, or seconds since the epoch, UTC."""
        return str(value) if value in ("pitr", "live") else super().convert(value, param, ctx)


_COMMON = (
    click.option(
        "--to",
        default="local",
        show_default=True,
        metavar="local|STREAM",
        help="The local run on this machine, or a Kinesis stream.",
    ),
    click.option("--once", is_flag=True, help="One connection, poll or look; then stop."),
    click.option("--anew", is_flag=True, help="Forget what the last run had seen."),
    click.option("--no-aggregate", is_flag=True, help="Send one Kinesis record per message."),
    click.option("--json", "as_json", is_flag=True, help="Print the counts as one JSON document."),
)
_LEGS_TABLE = click.option(
    "--legs-table",
    metavar="TABLE",
    help="Keep here that a quiet feed is alive.  [default: the local run's]",
)
_CA_FILE = click.option(
    "--ca-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="PEM file with the authority of a private server.",
)


def _common(command: _F) -> _F:
    for option in reversed(_COMMON):
        command = option(command)
    return command


def _session(given: dict[str, Any], door: str, feed: str | None) -> Session:
    names = Common.__struct_fields__
    common = {name: given.pop(name) for name in names if name in given}
    return Session(Common(door=door, feed=feed or door, **common))


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def run() -> None:
    """Run a live door until Ctrl-C: what the feed says goes into the stream at once.

    What a door has sent is remembered; started again, it goes on there, and some messages may be
    sent twice, which the pipeline notices. Ctrl-C and SIGTERM send what was read and stop.

    \b
    Exit status: 0 done or stopped with all sent, 1 failed, 2 usage, 130 stopped before all was
    sent (what was not is read again the next time).

    \b
    Examples:
      flightwire feed run firehose --to feed-stream --legs-table legs
      flightwire feed run http-poll https://example.com/flights.json --to local
      flightwire feed run folder /srv/drop --to local --done /srv/loaded
    """  # noqa: D301  (click's own mark for lines to keep)


@run.command()
@click.option("--host", default="firehose.flightaware.com", show_default=True)
@click.option("--port", default=1501, show_default=True, type=click.IntRange(1, 65_535))
@click.option(
    "--from",
    "begin",
    default="pitr",
    show_default=True,
    type=Begin(),
    help="pitr: where the last run stopped, else now; live: now; or a moment.",
)
@click.option("--until", type=Moment(), help="Stop there: a range of the past.")
@click.option("--events", metavar="WORDS", help='Message types only, as "flifo departure".')
@click.option("--airports", metavar="WORDS", help='Airports only, as "EGLL K???".')
@click.option(
    "--keepalive",
    default=60,
    show_default=True,
    type=click.IntRange(5, 3_600),
    help="Seconds; 2.5 times as long without a byte is a lost connection.",
)
@click.option("--compression", type=click.Choice(["none", "gzip"]), default="none")
@click.option("--feed", default="firehose", show_default=True, help="Name of the feed.")
@_CA_FILE
@_LEGS_TABLE
@_common
@click.pass_context
def firehose(ctx: click.Context, /, **given: Any) -> None:  # noqa: ANN401  (click checks)
    """Read FlightAware Firehose.

    User and password come from FLIGHTWIRE_FIREHOSE_USER and FLIGHTWIRE_FIREHOSE_PASSWORD, and are
    never shown. A lost or stalled connection is made again from the last acknowledged moment.

    \b
    Examples:
      flightwire feed run firehose --to feed-stream --events "flifo cancellation" --compression gzip
      flightwire feed run firehose --from 2026-11-20T08:00:00Z
      flightwire feed run firehose --from 1764000000 --until 1764003600 --to local
    """  # noqa: D301  (click's own mark for lines to keep)
    from pipeline.connect import firehose as door
    from pipeline.connect.wire import TlsWire
    from pipeline.settings import SettingsError, firehose_login

    session = _session(given, "firehose", given.pop("feed"))
    begin, until = given["begin"], given["until"]
    if until is not None and not isinstance(begin, int):
        raise click.UsageError("--until needs a moment to begin with: --from TIME")
    plan = door.Plan(
        begin=begin if isinstance(begin, int) else None,
        until=until,
        events=given["events"],
        airports=given["airports"],
        keepalive_s=given["keepalive"],
        compressed=given["compression"] == "gzip",
    )

    def work() -> None:
        try:
            login = door.Login(*firehose_login())
        except SettingsError as error:
            raise DoorError(str(error), "credentials", "set both, then start it again") from error
        host, port, ca_file = given["host"], given["port"], given["ca_file"]
        # Other events or airports go on where these stopped.
        asked = msgspec.json.encode([host, port, plan.begin, plan.until])
        key = session.key(asked.decode(), "firehose")
        memory = session.memory(key, door.Mark)
        live = door.Firehose(
            plan,
            login,
            lambda: TlsWire(host, port, ca_file=ca_file),
            session.sink(),
            memory,
            session.pulse(),
            session.around,
        )
        anew = session.common.anew or begin == "live"
        with memory.held():
            live.run(once=session.common.once, anew=anew)

    ctx.exit(serve(session, work))


@run.command("http-poll")
@click.argument("url")
@click.option(
    "--every",
    default=180.0,
    show_default=True,
    type=click.FloatRange(min=1),
    help="Seconds between polls; a tenth of it is left to chance.",
)
@format_option
@click.option("--feed", metavar="NAME", help="Name of the feed.  [default: the URL's host]")
@click.option(
    "--header-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Lines `Name: value` to send, API keys for example.",
)
@click.option(
    "--max-bytes",
    default=64 * 1024 * 1024,
    show_default=True,
    type=click.IntRange(min=1),
    help="Refuse a longer answer.",
)
@_CA_FILE
@_LEGS_TABLE
@_common
@click.pass_context
def http_poll(ctx: click.Context, /, url: str, **given: Any) -> None:  # noqa: ANN401  (click checks)
    """Poll URL; send each message that the poll before did not have.

    Answers are asked for only if changed (ETag, Last-Modified). A server that is busy (429, 5xx,
    AIDX 911) is asked again when it says so, or ever later. Headers come from --header-file or
    FLIGHTWIRE_HTTP_HEADERS; neither they nor the URL's query are ever shown.

    \b
    Examples:
      flightwire feed run http-poll "https://asrv.avinor.no/XmlFeed/v1.0?airport=OSL" --feed avinor
      flightwire feed run http-poll https://example.com/day.csv --every 300 --header-file key.txt
      flightwire feed run http-poll https://example.com/day.csv --once --to local --json
    """  # noqa: D301  (click's own mark for lines to keep)
    from pipeline.connect import http_poll as door
    from pipeline.connect.fetch import AddressError, Fetcher, parsed

    try:
        parts = parsed(url)
    except AddressError as error:
        raise click.UsageError(str(error)) from error
    format_name = None if given["format"] == AUTO else given["format"]
    session = _session(given, "http-poll", given.pop("feed") or parts.hostname)
    headers = _headers(given["header_file"], url)

    def work() -> None:
        fetcher = Fetcher(ca_file=given["ca_file"], max_bytes=given["max_bytes"])
        request = door.Request(
            url=url, format=format_name, headers=headers, interval_s=given["every"]
        )
        memory = session.memory(session.key(url, given["format"]), door.Seen)
        poll = door.Poll(
            request,
            fetcher.get,
            session.sink(),
            memory,
            session.pulse(),
            session.around,
        )
        with memory.held():
            poll.run(once=session.common.once, anew=session.common.anew)

    ctx.exit(serve(session, work))


def _headers(path: Path | None, url: str) -> dict[str, str]:
    """Headers from the file, over those from the environment. Raises UsageError."""
    from pipeline.connect.headers import HeaderError, headers_in
    from pipeline.settings import http_headers

    try:
        found = headers_in(http_headers(), "FLIGHTWIRE_HTTP_HEADERS")
        if path is not None:
            found |= headers_in(path.read_text("utf-8", errors="replace"), str(path))
    except HeaderError as error:
        raise click.UsageError(str(error)) from error
    parts = urlsplit(url)
    if found and parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        raise click.UsageError("headers would travel in the clear; give an https URL")
    return found


@run.command()
@click.argument("path", type=click.Path(exists=True, file_okay=False, path_type=Path))
@format_option
@click.option("--feed", metavar="NAME", help="Name of the feed.  [default: the folder's name]")
@click.option(
    "--done",
    type=click.Path(file_okay=False, path_type=Path),
    help="Move loaded files there.  [default: they stay and are remembered]",
)
@click.option("--every", default=2.0, show_default=True, type=click.FloatRange(min=0.01))
@_common
@click.pass_context
def folder(ctx: click.Context, /, path: Path, **given: Any) -> None:  # noqa: ANN401  (click checks)
    """Load each file that appears in the folder PATH, once it is complete.

    A file is complete when two looks, --every seconds apart, find it the same. Names that begin
    with a dot or end in .tmp, .part, .partial, .filepart, .crdownload or ~ are left alone; the
    surest way is to write under such a name and to rename.

    \b
    Examples:
      flightwire feed run folder /srv/drop --to feed-stream --done /srv/loaded
      flightwire feed run folder day-by-day --once --to local --json
    """  # noqa: D301  (click's own mark for lines to keep)
    from pipeline.cli.feed.folder import loader_of
    from pipeline.connect import folder as door

    session = _session(given, "folder", given.pop("feed") or path.resolve().name)

    def work() -> None:
        key = session.key(str(path.resolve()), given["format"])
        memory = session.memory(key, door.Done)
        watched = door.Folder(
            path,
            loader_of(session, given["format"]),
            memory,
            session.tally,
            session.around,
            done=given["done"],
            look_s=given["every"],
        )
        with memory.held():
            watched.run(once=session.common.once, anew=session.common.anew)

    ctx.exit(serve(session, work))
