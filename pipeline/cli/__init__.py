"""The command line: `flightwire`. Commands import what they need when they run."""

from __future__ import annotations

import importlib
from typing import ClassVar

try:
    import click
except ModuleNotFoundError as error:
    raise SystemExit("the command line needs: pip install 'flightwire[cli]'") from error


class LazyGroup(click.Group):
    """A group whose commands are imported only when they are called or listed."""

    sources: ClassVar[dict[str, str]] = {
        "demo": "pipeline.cli.demo:demo",
        "local": "pipeline.cli.local:local",
        "feed": "pipeline.cli.feed:feed",
        "reference": "pipeline.cli.reference:reference",
    }

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of all commands, sorted."""
        del ctx
        return sorted(self.sources)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, imported now; None when there is none."""
        del ctx
        source = self.sources.get(cmd_name)
        if source is None:
            return None
        module, _, name = source.partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command


@click.command(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="flightwire")
@click.pass_context
def main(ctx: click.Context) -> None:
    r"""From airline flight-status feeds to the right passenger's phone.

    \b
    Examples:
      flightwire demo                       the storm day of 8 February 2013, end to end
      flightwire local                      the whole pipeline on this machine
      flightwire feed load FILE --to local  load messages into it
    """
    # The demonstration is the same everywhere; `reference` itself must work when a table does not.
    if ctx.invoked_subcommand in ("demo", "reference"):
        return
    from pipeline.settings import state_dir

    if (state_dir() / "reference").is_dir():
        from filters.policy import PolicyError
        from pipeline.reference.loaded import adopt_loaded

        try:
            adopt_loaded()
        except PolicyError as error:
            hint = "load the table again with `flightwire reference load`, or remove it"
            raise click.ClickException(f"{error}\n  {hint}") from error
