"""`flightwire demo`: a day of 2013 through the whole pipeline, with the account of every record."""

from __future__ import annotations

import datetime as dt
import sys
from typing import TYPE_CHECKING

import click
import msgspec

if TYPE_CHECKING:
    from pipeline.demo.day import Day, Wish
    from pipeline.demo.outcome import DemoOutcome

_UNBALANCED = 1


@click.command()
@click.option("--date", default="2013-02-08", metavar="DAY", help="Any day of 2013, as 2013-03-10.")
@click.option("--seed", default=1, metavar="N", help="Seed of everything invented.")
@click.option("--shuffle", is_flag=True, help="Let the messages arrive in random order.")
@click.option(
    "--duplicate", default=0.0, metavar="SHARE", help="Send this share of messages once more."
)
@click.option(
    "--chaos-kill", "kills", default=0, metavar="N", help="Kill N workers with SIGKILL at work."
)
@click.option(
    "--backend",
    type=click.Choice(["moto", "ministack"]),
    default="moto",
    help="The embedded AWS endpoint.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def demo(
    date: str,
    seed: int,
    *,
    shuffle: bool,
    duplicate: float,
    kills: int,
    backend: str,
    as_json: bool,
) -> None:
    r"""Play the storm day of 8 February 2013 through Kinesis, four filters and four queues.

    Needs no AWS account: the template is deployed into an embedded endpoint on this machine, and
    nothing is sent to anybody. Exit status 1 if any record is unexplained.

    \b
    Examples:
      flightwire demo
      flightwire demo --date 2013-07-04 --seed 7
      flightwire demo --shuffle --duplicate 0.2      the same states_hash
      flightwire demo --chaos-kill 5                 the same passengers told
      flightwire demo --json | jq .conservation
    """
    from pipeline.demo.day import Wish, day_of
    from pipeline.demo.flights import SampleDataError

    try:
        wish = msgspec.convert(
            {
                "date": date,
                "seed": seed,
                "shuffle": shuffle,
                "duplicate": duplicate,
                "kills": kills,
                "backend": backend,
            },
            Wish,
        )
        data = day_of(wish)
    except (msgspec.ValidationError, ValueError) as error:
        raise click.BadParameter(f"{error}; give a day of 2013, such as 2013-02-08") from error
    except SampleDataError as error:
        raise click.ClickException(str(error)) from error
    outcome, replayed = _played(wish, data)
    if as_json:
        _print_json(outcome, replayed)
    else:
        from pipeline.demo.show import show

        show(outcome, replayed)
    if not outcome.conservation.balanced:
        sys.exit(_UNBALANCED)


def _played(wish: Wish, data: Day) -> tuple[DemoOutcome, str]:
    """The outcome of the run, and the states' hash of the same messages replayed in process."""
    from pipeline.demo.play import play
    from pipeline.demo.progress import progress
    from pipeline.local.endpoint import EndpointError
    from pipeline.local.loop import run
    from pipeline.local.run import LocalRunError

    start = dt.datetime.combine(wish.date, dt.time(), dt.UTC)
    with progress(sys.stderr) as say:
        try:
            outcome = run(
                lambda clock: play(clock, wish, data, say),
                virtual=True,
                start_ms=int(start.timestamp() * 1000),
            )
        except (LocalRunError, EndpointError) as error:
            raise click.ClickException(str(error)) from error
        say("replaying in process", 1.0)
        return outcome, _replayed(wish, data)


def _replayed(wish: Wish, data: Day) -> str:
    """The states' hash after the same messages went through the same filters in process."""
    from filters.legs import states_hash
    from filters.policy import load_advisories, load_policy
    from filters.wording import load_wordings
    from pipeline.demo.day import advisories_of
    from replay import inprocess

    advisories = load_advisories(advisories_of(wish.date))
    world = inprocess.world(load_policy("passenger"), load_wordings(), advisories)
    inprocess.run(data.feed(lambda line: line.received_ms), world)
    return states_hash(world.legs.all())


def _print_json(outcome: DemoOutcome, replayed: str) -> None:
    body = msgspec.to_builtins(outcome)
    body["replay"] = {"states_hash": replayed, "matches": replayed == outcome.states_hash}
    click.echo(msgspec.json.format(msgspec.json.encode(body), indent=2))
