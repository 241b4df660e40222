"""The four handlers in one process, over queues, tables and a topic in moto.

It plays what stands between the functions: the events are built as the event source mappings build
them, and each function sees its own settings only.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest

from filters.people import Booking, Contact
from pipeline import clock, handlers
from pipeline.app import Answer
from pipeline.aws import clients
from pipeline.aws.people import BookingTable, ContactTable
from pipeline.local.events import kinesis_event, sqs_event
from pipeline.local.sources import QueueMessage, StreamRecord
from schemas.codec import from_text
from schemas.records import DeadLetter, Record
from tests.unit.aws import cloud, examples

NOW, OUT, MINUTE = examples.NOW, examples.OUT, examples.MINUTE
STAGES = ("normalize", "detect", "join", "notify")
READS = {"detect": "status", "join": "disruption", "notify": "notice"}
SHARD, ROLE = "shardId-000000000000", "arn:aws:iam::123456789012:role/normalize"
STREAM = "arn:aws:kinesis:us-east-1:123456789012:stream/feed"


@dataclass(frozen=True)
class Context:
    """What Lambda tells a function of its invocation."""

    aws_request_id: str = "request-1"
    left_ms: int = 30_000

    def get_remaining_time_in_millis(self) -> int:
        return self.left_ms


class Chain:
    """Queues, tables, topic, and the functions on them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._patch = monkeypatch
        self._number = 0
        cloud.create_tables()
        names = [*READS.values(), "gateway", *(f"dead-{stage}" for stage in STAGES)]
        self.urls = {name: cloud.create_queue(name) for name in names}
        self.topic = cloud.create_topic(self.urls["gateway"])
        self.log_level = "INFO"

    def settings(self, stage: str) -> dict[str, str]:
        """What the template sets for the stage."""
        given = {"STAGE": stage, "LOG_LEVEL": self.log_level, "CODE_VERSION": "7"}
        given["DEAD_LETTER_QUEUE_URL"] = self.urls[f"dead-{stage}"]
        if stage in READS:
            given["INPUT_QUEUE_URL"] = self.urls[READS[stage]]
        sinks = {"normalize": "status", "detect": "disruption", "join": "notice"}
        if stage in sinks:
            given["OUTPUT_QUEUE_URL"] = self.urls[sinks[stage]]
        given |= {
            "normalize": {},
            "detect": {"LEGS_TABLE": cloud.LEGS},
            "join": {"BOOKINGS_TABLE": cloud.BOOKINGS},
            "notify": {
                "CONTACTS_TABLE": cloud.CONTACTS,
                "LEDGER_TABLE": cloud.LEDGER,
                "SENDER_TOPIC_ARN": self.topic,
            },
        }[stage]
        return {f"FLIGHTWIRE_{name}": value for name, value in given.items()}

    def invoke(self, stage: str, event: Mapping[str, Any], left_ms: int = 30_000) -> Answer:
        """The handler's answer, from a process that has just started."""
        handlers._handler.cache_clear()  # noqa: SLF001  (one process plays four functions)
        logging.Logger.manager.loggerDict.pop(f"flightwire-{stage}", None)
        with self._patch.context() as patch:
            for name, value in self.settings(stage).items():
                patch.setenv(name, value)
            answer: Answer = getattr(handlers, stage)(event, Context(left_ms=left_ms))
        return answer

    def feed(self, *data: bytes) -> dict[str, Any]:
        """A Kinesis event with one record for each."""
        records = []
        for payload in data:
            self._number += 1
            records.append(StreamRecord(str(self._number), "key", payload, NOW))
        return kinesis_event(records, SHARD, STREAM, ROLE)

    def waiting(self, queue: str) -> dict[str, Any]:
        """An SQS event with all messages that can be received from the queue."""
        return self.event(*cloud.received(self.urls[queue]), queue=queue)

    def event(self, *messages: Mapping[str, Any], queue: str = "status") -> dict[str, Any]:
        """An SQS event with these messages, as ReceiveMessage gives them."""
        found = [
            QueueMessage(
                message_id=message["MessageId"],
                receipt_handle=message.get("ReceiptHandle", "r"),
                body=message["Body"],
                attributes=message["Attributes"],
                message_attributes=message.get("MessageAttributes", {}),
            )
            for message in messages
        ]
        return sqs_event(found, f"arn:aws:sqs:us-east-1:123456789012:{queue}")

    def run(self, *data: bytes) -> list[dict[str, Any]]:
        """Push stream records through all four functions; the events they were invoked with."""
        events: list[dict[str, Any]] = []
        for stage in STAGES:
            event = self.waiting(READS[stage]) if stage in READS else self.feed(*data)
            events.append(event)
            assert self.invoke(stage, event) == {"batchItemFailures": []}
        return events

    def records(self, queue: str) -> list[Record]:
        """All records waiting in the queue."""
        return [
            r for message in cloud.received(self.urls[queue]) for r in from_text(message["Body"])
        ]

    def letters(self, stage: str) -> list[DeadLetter]:
        """All dead letters of the stage."""
        found = self.records(f"dead-{stage}")
        return [letter for letter in found if isinstance(letter, DeadLetter)]

    def texts(self) -> list[dict[str, str]]:
        """What the gateway was handed."""
        messages = cloud.received(self.urls["gateway"])
        return [msgspec.json.decode(cloud.body_of(message)["Message"]) for message in messages]

    def book(self, bookings: Sequence[Booking], contacts: Sequence[Contact]) -> None:
        """Put travellers into the two tables."""
        BookingTable(clients.dynamodb(), cloud.BOOKINGS).load(bookings)
        ContactTable(clients.dynamodb(), cloud.CONTACTS).load(contacts)


def message_of(body: str, receives: int = 1, name: str = "m-1") -> dict[str, Any]:
    """A message as ReceiveMessage gives it."""
    return {
        "MessageId": name,
        "Body": body,
        "Attributes": {"ApproximateReceiveCount": str(receives)},
    }


def flifo(number: int = 1545, late_minutes: int = 90, **changes: object) -> bytes:
    """A Firehose line: a flight from Newark to Houston and how late it is."""
    seconds = {
        "pitr": NOW // 1000 + late_minutes,
        "scheduled_out": OUT // 1000,
        "estimated_out": OUT // 1000 + late_minutes * 60,
    }
    line: dict[str, object] = {name: str(value) for name, value in seconds.items()}
    line |= {"type": "flifo", "ident": f"UAL{number}", "orig": "KEWR", "dest": "KIAH"}
    line |= {"id": f"UAL{number}-1360000000-schedule-0001", **changes}
    return msgspec.json.encode(line)


def stop_the_clock() -> None:
    """The functions run a second after the messages arrived."""
    clock.set_now(NOW + 1_000)
