"""The four Lambda entry points, called in turn with true event shapes over queues in moto."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest

from filters.legs import LegState
from filters.people import Booking, Contact
from pipeline import clock, settings
from pipeline.aws import clients
from pipeline.aws.ledger import LedgerTable
from pipeline.aws.legs import LegTable
from pipeline.aws.telemetry import METRICS
from pipeline.kpl import UserRecord, aggregate
from schemas.codec import encode, to_text
from schemas.records import Disruption, FeedMessage, Notice, payload_id
from tests.unit.aws import cloud, examples
from tests.unit.aws.chain import NOW, STAGES, Chain, flifo, message_of, stop_the_clock

pytestmark = pytest.mark.integration
NONE_FAILED: dict[str, list[dict[str, str]]] = {"batchItemFailures": []}
BOOKING = Booking(pnr="ABC123", ticket="UA1545", origin="EWR", date="2013-02-08", recipient="r-1")
CONTACT = Contact(recipient="r-1", phone="+15550000001")


@pytest.fixture
def chain(monkeypatch: pytest.MonkeyPatch) -> Iterator[Chain]:
    """The chain with one traveller on UA1545."""
    with cloud.in_process(monkeypatch):
        made = Chain(monkeypatch)
        made.book([BOOKING], [CONTACT])
        stop_the_clock()
        yield made
        clock.set_now(None)


def ours(payload: bytes) -> bytes:
    return encode(
        FeedMessage(
            id=payload_id(payload),
            format="firehose",
            feed="firehose",
            received_at=NOW,
            place="file:1",
            payload=payload,
        )
    )


def kpl(*parts: bytes) -> bytes:
    return aggregate([UserRecord("key", part) for part in parts])


# ------------------------------------------------------------------ a late flight, end to end


@pytest.mark.parametrize(
    "record",
    [flifo(), ours(flifo()), kpl(flifo()), kpl(ours(flifo(7)), ours(flifo()))],
    ids=["foreign bytes", "ours", "foreign in an aggregate", "ours in an aggregate"],
)
def test_a_late_flight_is_told_to_its_traveller(chain: Chain, record: bytes) -> None:
    chain.run(record)
    (text,) = chain.texts()
    assert (text["channel"], text["address"]) == ("sms", "+15550000001")
    assert "UA1545" in text["text"]
    assert [letter for stage in STAGES for letter in chain.letters(stage)] == []


def test_a_flight_on_time_is_nobodys_business(chain: Chain) -> None:
    chain.run(flifo(late_minutes=0))
    assert chain.texts() == []


def test_the_newest_word_is_told_once_however_often_everything_comes(chain: Chain) -> None:
    events = chain.run(flifo())
    for _ in range(2):
        for stage, event in zip(STAGES, events, strict=True):
            assert chain.invoke(stage, event) == NONE_FAILED
    chain.run(ours(flifo()))
    assert len(chain.texts()) == 1
    (row,) = LedgerTable(clients.dynamodb(), cloud.LEDGER, 30).rows()
    assert [entry["M"]["end"]["S"] for entry in row["history"]["L"]] == ["SENT"]


# ------------------------------------------------------------------ whatever comes


@pytest.mark.parametrize("stage", STAGES)
def test_an_empty_event_is_answered_like_any_other(chain: Chain, stage: str) -> None:
    assert chain.invoke(stage, {"Records": []}) == NONE_FAILED


GOOD = {
    "detect": examples.status(id="good"),
    "join": examples.disruption(id="good"),
    "notify": examples.notice(id="good"),
}
JUNK = ["", "hello", '{"Records": []}', "w8EBAAAAAAAAAAAA", to_text([examples.letter()])]


@pytest.mark.parametrize("stage", GOOD)
def test_a_junk_body_is_dead_lettered_and_its_neighbour_goes_on(chain: Chain, stage: str) -> None:
    bodies = [*JUNK, to_text([GOOD[stage]])]
    messages = [message_of(body, name=f"m-{n}") for n, body in enumerate(bodies)]
    assert chain.invoke(stage, chain.event(*messages)) == NONE_FAILED
    letters = {letter.record_id: letter for letter in chain.letters(stage)}
    assert {name: letter.body.decode() for name, letter in letters.items()} == {
        f"m-{n}": body for n, body in enumerate(JUNK)
    }
    assert all(letter.reason.startswith("pack: ") for letter in letters.values())
    assert {letter.stage for letter in letters.values()} == {stage}


@pytest.mark.parametrize(
    ("stage", "other"), [pair for pair in itertools.product(GOOD, GOOD) if pair[0] != pair[1]]
)
def test_a_message_of_a_swapped_queue_is_dead_lettered(
    chain: Chain, stage: str, other: str
) -> None:
    body = to_text([GOOD[other]])
    assert chain.invoke(stage, chain.event(message_of(body))) == NONE_FAILED
    (letter,) = chain.letters(stage)
    assert letter.body == body.encode()
    assert chain.texts() == []
    assert chain.records("disruption") == chain.records("notice") == []


def test_a_bad_feed_message_costs_itself_and_keeps_its_bytes(chain: Chain) -> None:
    bad = [b"\xff\xfe", b'{"type":"flifo","pitr":"1"}', b'{"type":', b"\xc3\x01 not ours", b""]
    answer = chain.invoke("normalize", chain.feed(*bad, flifo()))
    assert answer == NONE_FAILED
    letters = chain.letters("normalize")
    assert sorted(letter.body for letter in letters) == sorted(bad)
    assert all(letter.reason and letter.place for letter in letters)
    assert len(chain.records("status")) == 1


def test_a_replayed_notice_never_reaches_a_person(chain: Chain) -> None:
    replayed = examples.notice(replay="replay-2013", useful_until=NOW + 10**9)
    assert chain.invoke("notify", chain.event(message_of(to_text([replayed])))) == NONE_FAILED
    assert chain.texts() == []
    (letter,) = chain.letters("notify")
    assert letter.reason.startswith("replay: ")
    assert LedgerTable(clients.dynamodb(), cloud.LEDGER, 30).rows() == []


def test_notices_there_is_no_time_for_go_back_without_counting(chain: Chain) -> None:
    back = cloud.watch(clients.sqs(), "SendMessageBatch")
    event = chain.event(message_of(to_text([examples.notice()]), receives=9))
    assert chain.invoke("notify", event, left_ms=2_999) == NONE_FAILED
    assert chain.texts() == []
    ((entry,),) = (request["Entries"] for request in back.requests)
    assert entry["MessageAttributes"]["attempts"]["StringValue"] == "8"


# ------------------------------------------------------------------ when AWS fails


def test_stream_records_whose_statuses_cannot_be_sent_are_named(chain: Chain) -> None:
    event = chain.feed(flifo(1), b'{"type":"keepalive","pitr":"1"}', flifo(2))
    down = cloud.DOWN["unavailable"]
    cloud.watch(clients.sqs(), "SendMessageBatch", down, down)
    failed = chain.invoke("normalize", event)["batchItemFailures"]
    assert failed == [{"itemIdentifier": "1"}, {"itemIdentifier": "3"}]
    assert chain.invoke("normalize", event) == NONE_FAILED
    assert len(chain.records("status")) == 2


def test_a_decision_survives_the_run_that_raised_after_writing_it(chain: Chain) -> None:
    # The second leg is damaged in the table and first looks absent: the run writes the decisions of
    # the two others, meets the damage when it reads again, and ends. Of its parts, run on their
    # own, the first finds its leg damaged too and fails; the third goes on.
    late = {"out_estimated": examples.OUT + 90 * examples.MINUTE}
    statuses = [examples.status(id=f"s-{n}", number=n, **late) for n in (1, 2, 3)]
    damaged = {"pk": {"S": "UAL2.EWR.2013-02-08"}, "rev": {"N": "1"}, "body": {"S": "{"}}
    clients.dynamodb().put_item(TableName=cloud.LEGS, Item=damaged)
    misread = {"pk": {"S": "UAL1.EWR.2013-02-08"}, "rev": {"N": "1"}, "body": {"S": "{"}}
    absent: dict[str, Any] = {"Responses": {}, "UnprocessedKeys": {}}
    unreadable = {"Responses": {cloud.LEGS: [misread]}, "UnprocessedKeys": {}}
    cloud.watch(clients.dynamodb(), "BatchGetItem", absent, None, unreadable)
    assert chain.invoke("detect", chain.event(message_of(to_text(statuses)))) == NONE_FAILED
    assert emitted_legs(chain) == ["UAL3.EWR.2013-02-08"]
    assert stored_leg("UAL3.EWR.2013-02-08").pending == ()
    assert len(stored_leg("UAL1.EWR.2013-02-08").pending) == 1, "decided, and not handed out yet"
    again = chain.event(message_of(to_text(statuses[:1]), receives=2))
    assert chain.invoke("detect", again) == NONE_FAILED
    assert emitted_legs(chain) == ["UAL1.EWR.2013-02-08"]


def emitted_legs(chain: Chain) -> list[str]:
    return [r.leg for r in chain.records("disruption") if isinstance(r, Disruption)]


def stored_leg(key: str) -> LegState:
    return LegTable(clients.dynamodb(), cloud.LEGS, lambda: NOW).read({key}).found[key]


@pytest.mark.parametrize("fault", cloud.DOWN.values(), ids=cloud.DOWN)
def test_a_decision_that_could_not_be_sent_is_sent_when_its_status_returns(
    chain: Chain, fault: cloud.Answer
) -> None:
    late = examples.status(out_estimated=examples.OUT + 90 * examples.MINUTE)
    event = chain.event(message_of(to_text([late])))
    cloud.watch(clients.sqs(), "SendMessageBatch", fault, fault)
    assert chain.invoke("detect", event) == {"batchItemFailures": [{"itemIdentifier": "m-1"}]}
    assert len(stored_leg("UAL1545.EWR.2013-02-08").pending) == 1
    assert chain.invoke("detect", event) == NONE_FAILED
    assert len(chain.records("disruption")) == 1
    assert stored_leg("UAL1545.EWR.2013-02-08").pending == ()


def test_a_text_the_provider_did_not_take_is_taken_at_the_next_try(chain: Chain) -> None:
    event = chain.event(message_of(to_text([examples.notice()])))
    cloud.watch(clients.sns_once(), "Publish", (429, "Throttled"))
    assert chain.invoke("notify", event) == NONE_FAILED
    assert chain.texts() == []
    assert chain.invoke("notify", event) == NONE_FAILED
    assert len(chain.texts()) == 1


def test_a_text_with_an_unclear_answer_is_repeated_only_after_the_lease(chain: Chain) -> None:
    event = chain.event(message_of(to_text([examples.notice()])))
    cloud.watch(clients.sns_once(), "Publish", (500, "InternalError"))
    for later_ms, sent in ((0, 0), (39_000, 0), (41_000, 1), (90_000, 0)):
        clock.set_now(NOW + 1_000 + later_ms)
        assert chain.invoke("notify", event) == NONE_FAILED
        assert len(chain.texts()) == sent


# ------------------------------------------------------------------ what it says of itself


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines() if line]


@pytest.mark.parametrize("stage", STAGES)
def test_each_batch_gives_one_metrics_document(
    chain: Chain, stage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    events = dict(zip(STAGES, chain.run(flifo(), b"junk"), strict=True))
    capsys.readouterr()
    chain.invoke(stage, events[stage])
    (metrics,) = [line for line in lines(capsys) if "_aws" in line]
    (directive,) = metrics["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == "flightwire"
    assert [sorted(dimensions) for dimensions in directive["Dimensions"]] == [["service", "stage"]]
    assert (metrics["stage"], metrics["service"]) == (stage, "flightwire")
    units = {metric["Name"]: metric["Unit"] for metric in directive["Metrics"]}
    assert units.items() <= {name: unit.value for name, unit in METRICS.items()}.items()
    assert METRICS.keys() - units.keys() <= {"AgeMs"}
    ends = ("Forwarded", "Dropped", "Rejected", "Failed", "Duplicate", "Stale")
    ended = sum(_value(metrics[f"Records{end}"]) for end in ends)
    assert ended == _value(metrics["RecordsIn"]) > 0


def _value(metric: list[float] | float) -> float:
    return sum(metric) if isinstance(metric, list) else metric


def test_ages_count_from_the_feeds_receipt(
    chain: Chain, capsys: pytest.CaptureFixture[str]
) -> None:
    chain.run(flifo())
    ages = [line["AgeMs"] for line in lines(capsys) if "_aws" in line]
    assert ages == [[1_000.0]] * len(STAGES)


def test_each_failed_record_gives_one_line_and_the_batch_one(
    chain: Chain, capsys: pytest.CaptureFixture[str]
) -> None:
    chain.invoke("normalize", chain.feed(b"junk", flifo(), b'{"type":"flifo","pitr":"1"}'))
    logged = [line for line in lines(capsys) if "_aws" not in line]
    (summary,) = [line for line in logged if line["message"] == "batch"]
    assert (summary["in"], summary["forwarded"], summary["rejected"]) == (3, 1, 2)
    assert (summary["stage"], summary["request_id"]) == ("normalize", "request-1")
    failed = [line for line in logged if line is not summary]
    assert [line["record"] for line in failed] == [
        payload_id(b"junk"),
        payload_id(b'{"type":"flifo","pitr":"1"}'),
    ]
    for line in failed:
        assert (line["level"], line["outcome"], line["attempts"]) == ("WARNING", "rejected", 1)
        assert line["message"]
        assert line["place"].startswith("shardId-000000000000:")
        assert (line["stage"], line["request_id"]) == ("normalize", "request-1")


def test_the_first_invocation_names_every_setting_that_is_wrong(
    chain: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chain, "settings", lambda _stage: {"FLIGHTWIRE_STAGE": "notify"})
    with pytest.raises(settings.SettingsError) as raised:
        chain.invoke("notify", {"Records": []})
    for name in ("INPUT_QUEUE_URL", "DEAD_LETTER_QUEUE_URL", "CONTACTS_TABLE", "LEDGER_TABLE"):
        assert f"FLIGHTWIRE_{name}: notify needs it" in str(raised.value)


def test_notices_carry_a_token_and_no_address(chain: Chain) -> None:
    chain.invoke("normalize", chain.feed(flifo()))
    chain.invoke("detect", chain.waiting("status"))
    chain.invoke("join", chain.waiting("disruption"))
    (notice,) = chain.records("notice")
    assert isinstance(notice, Notice)
    assert (notice.recipient, notice.ticket) == ("r-1", "UA1545")
