"""How `feed run folder` loads one file: as `feed load` does, checkpoint and all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.cli.feed.session import Session
    from pipeline.ingest.load import LoadReport


def loader_of(session: Session, format_name: str) -> Callable[[Path], LoadReport]:
    """A function that loads a file into the session's stream; `auto` recognises each one's format.

    It raises UnloadableError for a file that cannot be read or whose format nobody knows. A file
    that has changed since it was loaded under the same name is loaded from its first byte.
    """
    from pipeline.connect.folder import UnloadableError
    from pipeline.ingest.checkpoint import CheckpointFile, LoadKey
    from pipeline.ingest.inputs import format_of
    from pipeline.ingest.lines import InputChangedError
    from pipeline.ingest.load import load_again
    from pipeline.ingest.messages import FeedSource, printable_name
    from pipeline.ingest.packed import Unpacked, UnpackError
    from pipeline.settings import state_dir

    identity = session.stream.identity()

    def once(path: Path, *, restart: bool) -> LoadReport:
        with path.open("rb") as raw:
            stream = Unpacked(raw)
            name = format_name
            if name == "auto":
                known = format_of(stream)
                if known is None:
                    raise UnloadableError("of no known format; name it with --format")
                name = known.NAME
            source = FeedSource(session.common.feed, name, printable_name(path.name))
            key = LoadKey(
                path=printable_name(str(path.resolve())),
                stream=identity.arn,
                stream_created_at=identity.created_at,
                feed=source.feed,
                format=name,
            )
            checkpoints = CheckpointFile(state_dir() / "loads", key)
            return load_again(stream, session.loader(), checkpoints, source=source, restart=restart)

    def load(path: Path) -> LoadReport:
        try:
            try:
                return once(path, restart=session.common.anew)
            except InputChangedError:
                return once(path, restart=True)
        except UnpackError as error:
            raise UnloadableError(str(error)) from error
        except PermissionError as error:
            raise UnloadableError("may not be read") from error

    return load
