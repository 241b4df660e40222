"""The Lambda behind the drop bucket: S3's events from a queue, objects into the feed stream.

An event that fails for a passing reason goes back to its queue; what can never be loaded becomes a
dead letter at once, with the event and the reason, or with the bytes that cannot travel.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from aws_lambda_powertools import Logger
from botocore.exceptions import BotoCoreError, ClientError

from pipeline.aws import clients
from pipeline.aws.kinesis import StreamError, open_stream
from pipeline.aws.objects import ObjectsError, objects
from pipeline.aws.sqs import Queue, QueueDeadLetters
from pipeline.clock import now_ms
from pipeline.connect.drop import Dropped, RefusedError, load_object, objects_in
from pipeline.connect.sink import Sink, Tally
from pipeline.ingest.lines import LongPart
from pipeline.ingest.loader import Loader
from pipeline.ingest.producer import NotAcknowledgedError, Producer, PutRecords
from schemas.records import DeadLetter, payload_id

if TYPE_CHECKING:
    from pipeline.settings import Settings

Answer: TypeAlias = dict[str, list[dict[str, str]]]
_RESERVE_MS: Final = 20_000  # to put what was read, and its dead letters
_PASSING: Final = (
    BotoCoreError,
    ClientError,
    NotAcknowledgedError,
    ObjectsError,
    StreamError,
    ConnectionError,
)


class _Unkept(Exception):  # noqa: N818  (the queue's word, no error of ours)
    """A dead letter could not be stored; the event must come again."""


def build(settings: Settings) -> Callable[[Mapping[str, Any], Any], Answer]:
    """The Lambda handler; always answers with `batchItemFailures`."""
    return Drop(settings, open_stream(settings.feed_stream)).handle


class Drop:
    """Loads what events of one bucket name into one stream."""

    def __init__(self, settings: Settings, stream: PutRecords) -> None:
        """`stream` is the feed stream."""
        queue = Queue(
            clients.sqs(),
            settings.dead_letter_queue_url,
            pack_bytes=settings.pack_bytes,
            pack_records=settings.pack_records,
        )
        self._settings = settings
        self._stream = stream
        self._dead_letters = QueueDeadLetters(queue)
        self._logger = Logger(
            service="flightwire-drop", level=settings.log_level, stream=sys.stdout
        )

    def handle(self, event: Mapping[str, Any], context: Any) -> Answer:  # noqa: ANN401  (Lambda's own type)
        """Load the objects of every event; the ids of those to be received again."""
        failed = []
        for record in event["Records"]:
            try:
                self._event(record, context)
            except (*_PASSING, _Unkept) as error:
                self._logger.warning("failed", event=record["messageId"], error=str(error))
                failed.append(record["messageId"])
        return {"batchItemFailures": [{"itemIdentifier": one} for one in failed]}

    def _event(self, record: Mapping[str, Any], context: Any) -> None:  # noqa: ANN401  (the same)
        try:
            for dropped in objects_in(record["body"], self._settings.drop_bucket):
                self._object(dropped, record, context)
        except RefusedError as error:
            self._keep(record, str(error), "", record["body"].encode(), "s3_event")

    def _object(self, dropped: Dropped, record: Mapping[str, Any], context: Any) -> None:  # noqa: ANN401  (the same)
        """Load one object. A refusal is kept here, so that the event's other objects go on."""
        tally = Tally()

        def reject(part: LongPart) -> None:
            place = f"{dropped.where} {part.place}"
            step = self._settings.pack_bytes // 2  # as text it grows by a third
            for at in range(0, len(part.payload), step):
                cut = part.payload[at : at + step]
                self._keep(record, part.reason, place, cut, "feed_bytes")

        def enough_time() -> bool:
            left: int = context.get_remaining_time_in_millis()
            return left > _RESERVE_MS

        loader = Loader(Producer(self._stream), aggregate=self._settings.aggregated)
        sink = Sink(loader, dropped.feed, tally, reject=reject)
        reason, name = "", ""
        try:
            for found in objects(dropped.where):
                with found.open() as raw:
                    name = load_object(dropped, raw, sink, enough_time=enough_time)
        except RefusedError as error:
            reason = str(error)
            self._keep(record, reason, dropped.where, record["body"].encode(), "s3_event")
        self._logger.info(
            "object",
            place=dropped.where,
            format=name,
            acknowledged=tally.acknowledged,
            too_long=tally.too_long,
            refused=reason,
        )

    def _keep(
        self, record: Mapping[str, Any], reason: str, place: str, body: bytes, schema: str
    ) -> None:
        """Store a dead letter. Raises _Unkept."""
        identity = payload_id(place.encode() + b"\n" + body)
        letter = DeadLetter(
            id=f"{identity}.drop",
            stage="drop",
            reason=reason,
            place=place,
            record_id=identity,
            body_schema=schema,
            body=body,
            attempts=int(record.get("attributes", {}).get("ApproximateReceiveCount", "1")),
            code_version=self._settings.code_version,
            rejected_at=now_ms(),
        )
        if self._dead_letters.put([letter]):
            raise _Unkept(f"dead letter not stored: {reason}")
