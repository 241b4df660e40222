"""What the commands that read feeds have in common: FILES, --format, and failures while reading."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

import click

from pipeline.cli.feed.failures import USAGE_EXIT, CommandFailed

if TYPE_CHECKING:
    from pipeline.ingest.inputs import Input
    from pipeline.ingest.packed import Unpacked

AUTO = "auto"
_Command = TypeVar("_Command", bound=Callable[..., object])


def _known(ctx: click.Context, param: click.Parameter, value: str) -> str:
    from filters.normalize import FORMATS

    if value != AUTO and value not in FORMATS:
        listed = ", ".join(sorted(FORMATS))
        raise click.BadParameter(f"{value!r} is not one of auto, {listed}", ctx, param)
    return value


def files_argument(command: _Command) -> _Command:
    """FILES: paths, quoted patterns, -, and s3:// URIs."""
    return click.argument("files", nargs=-1, required=True)(command)


def format_option(command: _Command) -> _Command:
    """--format, which is recognised unless it is named."""
    return click.option(
        "--format",
        default=AUTO,
        show_default=True,
        metavar="NAME",
        callback=_known,
        help="Format of the messages; `flightwire feed list` names them.",
    )(command)


def found(files: Sequence[str], *, as_json: bool) -> list[Input]:
    """What the arguments name. Raises UsageError and CommandFailed."""
    from pipeline.ingest.inputs import NoInputError, expand

    try:
        return list(expand(files, objects=lambda uri: _objects(uri, as_json=as_json)))
    except NoInputError as error:
        raise click.UsageError(str(error)) from error


def _objects(uri: str, *, as_json: bool) -> Iterable[Input]:
    from pipeline.aws.objects import ObjectsError, objects

    try:
        return list(objects(uri))
    except ObjectsError as error:
        raise CommandFailed(
            str(error), code="s3", where="", hint=error.hint, as_json=as_json
        ) from error


def again(given: Input) -> str:
    """Say how to go on with an input that was not finished."""
    if not given.identity:
        what = "standard input" if given.where == "-" else "a pipe"
        return f"{what} cannot be read again; send the rest of it anew"
    return "run the same command again to go on; what was acknowledged is kept"


@contextmanager
def reading(given: Input, wanted: str, *, as_json: bool) -> Iterator[tuple[Unpacked, str]]:
    """The unpacked bytes of an input and their format's name, "" when there are none.

    What goes wrong while they are read comes out as CommandFailed, with a next step.
    """
    from pipeline.ingest.inputs import S3, format_of
    from pipeline.ingest.packed import Unpacked, UnpackError

    errors: tuple[type[Exception], ...] = (OSError, UnpackError)
    if given.where.startswith(S3):
        from pipeline.aws.objects import ObjectsError

        errors = (*errors, ObjectsError)
    try:
        with given.open() as raw:
            stream = Unpacked(raw)
            name = wanted
            if wanted == AUTO:
                known = format_of(stream)
                name = known.NAME if known else ""
                if not name and stream.head(1 << 16).strip():
                    raise _unknown(given, as_json=as_json)
            yield stream, name
    except errors as error:
        packed = isinstance(error, UnpackError)
        code = "packed" if packed else "file"
        hint = "get the file again, or unpack it yourself" if packed else again(given)
        raise CommandFailed(
            str(error),
            code=code,
            where=given.where,
            hint=getattr(error, "hint", hint),
            as_json=as_json,
        ) from error


def recognise_all(inputs: Sequence[Input], wanted: str, *, as_json: bool) -> None:
    """Look into every file before anything is done with the first of several."""
    if wanted != AUTO or len(inputs) == 1:
        return
    from pipeline.ingest.inputs import FileInput

    for given in inputs:
        if isinstance(given, FileInput) and given.identity:
            with reading(given, wanted, as_json=as_json):
                pass


def _unknown(given: Input, *, as_json: bool) -> CommandFailed:
    from filters.normalize import FORMATS

    listed = ", ".join(sorted(FORMATS))
    return CommandFailed(
        f"not recognised as any of {listed}",
        code="format",
        where=given.where,
        hint="name the format with --format if it is one of them",
        as_json=as_json,
        exit_code=USAGE_EXIT,
    )
