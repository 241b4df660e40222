"""Personal data planted in the two tables turns up nowhere but in the sender's hands."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from botocore.exceptions import ClientError

from filters.people import Booking, Contact
from pipeline import clock
from pipeline.aws import clients
from pipeline.kpl import UserRecord, aggregate
from schemas.codec import decode_pack, from_text, to_text
from schemas.records import DeadLetter
from tests.unit.aws import cloud, examples
from tests.unit.aws.chain import READS, STAGES, Chain, flifo, message_of, stop_the_clock

pytestmark = pytest.mark.integration

PHONE, EMAIL = "+15557261943", "quillfeather@canary.example"
NAME, PNR = "Zenobia Quillfeather", "QX7ZVK"
CANARIES = (PHONE, PHONE[1:], EMAIL, NAME, "Quillfeather", PNR)
TRAVELLERS = [
    Contact(recipient="r-1", phone=PHONE, email=EMAIL, name=NAME),
    Contact(recipient="r-2", phone=PHONE, email=EMAIL, name=NAME, opted_out=True),
    Contact(recipient="r-3", name=NAME),
]
BOOKINGS = [
    Booking(
        pnr=PNR,
        ticket="UA1545",
        origin="EWR",
        date="2013-02-08",
        recipient=recipient,
        channel=channel,
    )
    for recipient in ("r-1", "r-2", "r-3", "r-nobody", "r-broken")
    for channel in ("sms", "email")
]


@pytest.fixture(params=["INFO", "DEBUG"])
def chain(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Chain]:
    """The chain with travellers of every sort, at both levels of logging."""
    with cloud.in_process(monkeypatch):
        made = Chain(monkeypatch)
        made.log_level = request.param
        made.book(BOOKINGS, TRAVELLERS)
        stop_the_clock()
        yield made
        clock.set_now(None)


class Seen:
    """Everything that could be read by somebody who is not the sender: where, and what."""

    def __init__(self) -> None:
        self.texts: list[tuple[str, str]] = []

    def add(self, where: str, what: object) -> None:
        self.texts.append((where, what if isinstance(what, str) else repr(what)))

    def body(self, queue: str, text: str) -> None:
        """A queue's message: as it is, and with everything in it decoded."""
        self.add(queue, text)
        for record in from_text(text):
            self.add(queue, record)
            if isinstance(record, DeadLetter):
                self.add(queue, record.body)
                if record.body_schema not in ("", "payload"):
                    self.add(queue, decode_pack(record.body))
                elif record.body_schema == "":
                    self.add(queue, record.body.decode("utf-8", "replace"))

    def leaks(self) -> list[tuple[str, str]]:
        """Which canary sings where."""
        return [(where, c) for where, text in self.texts for c in CANARIES if c in text]

    def places(self) -> set[str]:
        return {where for where, text in self.texts if text}


def run_everything(chain: Chain, seen: Seen) -> list[dict[str, str]]:
    """A late flight told, refused, failing and rejected; what the sender was handed."""
    cancelled = flifo(late_minutes=95, type="cancellation", status="X", trueCancel="1")
    lines = aggregate([UserRecord("k", line) for line in (flifo(), b"junk", cancelled)])
    events = {"normalize": chain.feed(lines)}
    assert chain.invoke("normalize", events["normalize"]) == {"batchItemFailures": []}
    for stage, queue in READS.items():
        messages = cloud.received(chain.urls[queue])
        for message in messages:
            seen.body(queue, message["Body"])
        events[stage] = chain.event(*messages)
        if stage == "notify":
            fail_in_every_way(chain, events)
        chain.invoke(stage, events[stage])
    replayed = to_text([examples.notice(replay="again", recipient="r-1")])
    chain.invoke("notify", chain.event(message_of(replayed), message_of("not ours", name="m-2")))
    for stage in READS:
        chain.invoke(stage, events[stage])
    return chain.texts()


def fail_in_every_way(chain: Chain, events: dict[str, dict[str, object]]) -> None:
    """Faults whose messages quote the person; the stage meets them before it succeeds."""
    quoting = f"Invalid parameter: {PHONE} {EMAIL} of {NAME}, {PNR}"
    error: Any = {
        "Error": {"Code": "Throttled", "Message": quoting},
        "ResponseMetadata": {"HTTPStatusCode": 429},
    }
    cloud.watch(clients.sns_once(), "Publish", *[ClientError(error, "Publish")] * 2)
    chain.invoke("notify", events["notify"])
    broken = {"pk": {"S": "r-broken"}, "body": {"S": f'{{"recipient": 1, "phone": "{PHONE}"}}'}}
    clients.dynamodb().put_item(TableName=cloud.CONTACTS, Item=broken)
    cloud.watch(clients.dynamodb(), "BatchGetItem", ClientError(error, "BatchGetItem"))
    chain.invoke("notify", events["notify"])


def test_a_person_is_known_to_the_two_tables_and_the_sender_alone(
    chain: Chain, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    seen = Seen()
    back = cloud.watch(clients.sqs(), "SendMessageBatch")
    texts = run_everything(chain, seen)
    for request in back.requests:
        for entry in request["Entries"]:
            seen.body("sent to a queue", entry["MessageBody"])
    for stage in STAGES:
        for message in cloud.received(chain.urls[f"dead-{stage}"]):
            seen.body(f"dead-{stage}", message["Body"])
    for table in (cloud.LEGS, cloud.LEDGER):
        for item in clients.dynamodb().scan(TableName=table)["Items"]:
            seen.add(table, json.dumps(item, default=str))
    printed = capsys.readouterr()
    seen.add("standard output", printed.out)
    seen.add("standard error", printed.err)
    seen.add("logging", caplog.text)
    for record in caplog.records:
        seen.add("logging", record.__dict__)

    handed = {text["address"] for text in texts}
    assert handed == {PHONE, EMAIL}, "the sender has them, so they were there to be leaked"
    assert {"dead-normalize", "dead-notify", "legs", "ledger", "notice", "status"} <= seen.places()
    assert '"outcome":"failed"' in printed.out.replace(" ", "")
    assert "DecodeError" in printed.out or "ValidationError" in printed.out
    assert seen.leaks() == []


def test_the_texts_themselves_name_nobody(chain: Chain) -> None:
    texts = run_everything(chain, Seen())
    said = msgspec.json.encode([text["text"] for text in texts]).decode()
    assert "UA1545" in said
    assert [canary for canary in CANARIES if canary in said] == []


@pytest.mark.parametrize("canary", CANARIES)
def test_the_search_finds_what_is_planted(canary: str) -> None:
    letter = examples.letter(body=f"ticket of {canary}".encode(), body_schema="")
    seen = Seen()
    seen.body("dead-join", to_text([letter]))
    assert ("dead-join", canary) in seen.leaks()
