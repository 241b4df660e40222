"""`flightwire local` as a person has it: started, loaded, stopped by Ctrl-C, killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import boto3
import pytest
from botocore.config import Config
from click.testing import CliRunner

from pipeline.cli.local import local
from tests.integration.processes import Watch, children

pytestmark = pytest.mark.integration

COMMAND = "from pipeline.cli import main; main(prog_name='flightwire')"


class Running:
    """The command in a process of its own, with folders of its own."""

    def __init__(self, process: subprocess.Popen[str], state: Path, temporary: Path) -> None:
        self.process = process
        self.temporary = temporary
        self._address = state / "flightwire" / "local.json"

    @property
    def out(self) -> IO[str]:
        assert self.process.stdout is not None
        return self.process.stdout

    @property
    def err(self) -> IO[str]:
        assert self.process.stderr is not None
        return self.process.stderr

    def events(self) -> Iterator[dict[str, Any]]:
        """What it prints with --json, as it comes."""
        for line in self.out:
            yield json.loads(line)

    def until(self, event: str, count: int = 1) -> dict[str, Any]:
        """Read on to the `count`-th event of this name."""
        for found in self.events():
            count -= found["event"] == event
            if not count:
                return found
        raise AssertionError(f"it ended without {event}: {self.err.read()}")

    def put(self, *records: dict[str, Any]) -> None:
        """Put records as another program would: by the address file alone."""
        address = json.loads(self._address.read_text())
        client = boto3.client(
            "kinesis",
            endpoint_url=address["endpoint_url"],
            region_name=address["region"],
            aws_access_key_id="local",
            aws_secret_access_key="local",
            config=Config(proxies={}),
        )
        client.put_records(
            StreamName=address["stream"],
            Records=[
                {"Data": json.dumps(record).encode(), "PartitionKey": record["id"]}
                for record in records
            ],
        )
        client.close()

    def left(self) -> list[Path]:
        """Files and folders it did not take away."""
        return [*self.temporary.iterdir(), *self._address.parent.glob("*")]


@contextmanager
def started(folder: Path, root: Path, *arguments: str) -> Iterator[Running]:
    state, temporary = folder / "state", folder / "tmp"
    temporary.mkdir()
    with subprocess.Popen(
        [sys.executable, "-c", COMMAND, "local", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=root,
        env=os.environ | {"XDG_STATE_HOME": str(state), "TMPDIR": str(temporary)},
        start_new_session=True,
    ) as process:
        try:
            yield Running(process, state, temporary)
        finally:
            process.kill()


def of_template(chain: Path, **parameters: str) -> Sequence[str]:
    pairs = [("--parameter", f"{name}={value}") for name, value in parameters.items()]
    return ["--template", str(chain), *(text for pair in pairs for text in pair)]


def test_records_loaded_by_another_program_come_out_and_ctrl_c_leaves_nothing(
    chain: Path, tmp_path: Path, root: Path
) -> None:
    with started(tmp_path, root, *of_template(chain), "--json") as running:
        at = running.until("started")
        running.put(*({"id": f"r{n}"} for n in range(5)))
        sent = [running.until("sent") for _ in range(5)]
        watch = Watch(*children(running.process.pid))

        # To the whole group, as a terminal does: the children must let the parent drain.
        os.killpg(running.process.pid, signal.SIGINT)
        ended = running.until("ended")

        assert running.process.wait() == 0
        assert watch.wait() == set()
        assert running.left() == []
    assert at["endpoint_url"].startswith("http://127.0.0.1:")
    assert {one["reference"] for one in sent} == {"r0", "r1", "r2", "r3", "r4"}
    assert {one["address"] for one in sent} == {"**********23"}
    assert [(stage["stage"], stage["in"], stage["unaccounted"]) for stage in ended["stages"]] == [
        ("mark", 5, 0),
        ("count", 5, 0),
    ]
    assert ended["queues"]["Between"] == {"visible": 0, "in_flight": 0, "delayed": 0}
    assert ended["calls"]["dynamodb.UpdateItem"] == {"requests": 5, "entries": 5}


def test_a_second_ctrl_c_stops_at_once_while_a_function_hangs(
    chain: Path, tmp_path: Path, root: Path
) -> None:
    arguments = of_template(chain, Shards="1", Timeout="60")
    with started(tmp_path, root, *arguments, "--json") as running:
        running.until("started")
        running.put({"id": "a"})
        running.until("sent")  # both functions have a process by now
        running.put({"id": "b", "how": "hang"})
        assert running.until("sent")["reference"] == "hanging"
        processes = children(running.process.pid)
        assert len(processes) == 3
        watch = Watch(*processes)

        running.process.send_signal(signal.SIGINT)
        running.until("stopping")
        running.process.send_signal(signal.SIGINT)

        assert running.process.wait() == 0
        assert watch.wait() == set()
        assert running.left() == []


def test_a_killed_run_takes_its_children_and_its_folder_with_it(
    chain: Path, tmp_path: Path, root: Path
) -> None:
    with started(tmp_path, root, *of_template(chain), "--json") as running:
        running.until("started")
        running.put({"id": "a"})
        running.until("sent")
        watch = Watch(*children(running.process.pid))

        running.process.kill()

        assert watch.wait() == set()
        assert list(running.temporary.iterdir()) == []


def test_people_get_texts_on_stdout_with_addresses_masked_and_talk_on_stderr(
    chain: Path, tmp_path: Path, root: Path
) -> None:
    with started(tmp_path, root, *of_template(chain)) as running:
        talk = [running.err.readline() for _ in range(4)]
        running.put({"id": "r0"})
        first = running.out.readline()
        running.process.send_signal(signal.SIGINT)
        rest, last = running.process.communicate()

    assert talk[0].startswith("Running on http://127.0.0.1:")
    assert "flightwire feed load FILE --to local" in talk[2]
    assert first == "sms  **********23  [r0]  hello r0\n"
    assert rest == "mark 1 in: 1 forwarded\ncount 1 in: 1 forwarded\n"
    assert last == "Stopping when what was received is done. Ctrl-C again: at once.\n"


def test_a_function_that_fails_is_told_of_at_once(chain: Path, tmp_path: Path, root: Path) -> None:
    with started(tmp_path, root, *of_template(chain, Shards="1")) as running:
        for _ in range(4):
            running.err.readline()
        running.put({"id": "a", "how": "raise"})
        told = running.err.readline()
        running.process.send_signal(signal.SIGINT)
        running.process.communicate()

    assert told.startswith("MarkFunction Unhandled: LookupError: no such gate (1 records, request ")


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["--parameter", "LogLevel"], 2, "--parameter takes NAME=VALUE, not 'LogLevel'"),
        (["--workers", "0"], 2, "0 is not in the range 1<=x<=64"),
        (["--template", "nowhere.yaml"], 2, "'nowhere.yaml' does not exist"),
        (["--backend", "aws"], 2, "'aws' is not one of"),
        (["--endpoint", "https://sqs.us-east-1.amazonaws.com"], 1, "is AWS itself"),
        (["--parameter", "Colour=red"], 1, "the template has no parameter Colour"),
    ],
)
def test_what_cannot_be_run_is_refused_with_what_to_do(
    arguments: list[str],
    status: int,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "mine")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")

    done = CliRunner().invoke(local, arguments)

    assert done.exit_code == status
    assert said in done.output


def test_help_shows_examples() -> None:
    done = CliRunner().invoke(local, ["--help"])

    assert done.exit_code == 0
    assert "flightwire feed load FILE --to local" in done.output
    assert "Ctrl-C finishes what was received" in done.output
