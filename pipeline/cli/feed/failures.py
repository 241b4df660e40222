"""How a command that reads feeds fails: in a sentence with a next step, or as JSON."""

from __future__ import annotations

from typing import Any

import click
import msgspec

FAILED_EXIT = 1
USAGE_EXIT = 2
REJECTS_EXIT = 3
STOPPED_EXIT = 130


class CommandFailed(click.ClickException):
    """A command that stopped: what happened, where, and what to do next."""

    def __init__(
        self,
        error: str,
        *,
        code: str,
        where: str,
        hint: str,
        as_json: bool,
        exit_code: int = FAILED_EXIT,
    ) -> None:
        """All go to stderr; as one JSON document when `as_json`."""
        super().__init__(error)
        self.exit_code = exit_code  # type: ignore[misc]  # click reads it from the instance
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
