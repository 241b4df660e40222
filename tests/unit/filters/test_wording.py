from __future__ import annotations

import itertools
import re
import string
import tomllib
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.wording import Wordings, load_wordings, reason, render
from schemas.records import Kind, Notice
from tests.unit.filters.records import MINUTE, OUT, at, notice

WORDINGS = load_wordings()
KINDS: tuple[Kind, ...] = ("delayed", "earlier", "cancelled", "reinstated")
TWO_PARTS = 2 * 153
# 3GPP TS 23.038, table 6.2.1: the default alphabet, without the extension that costs two.
GSM_7 = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
LOCALES = sorted(WORDINGS.by_locale)
# An IATA designator, four digits and a suffix; both ends without an IATA code and with no zone.
LONGEST = {"ticket": "QQQ1234W", "origin": "ZZ9Z", "destination": "ZZ8Z"}


def at_all_times(kind: Kind, cause: str | None, moments: tuple[int, ...]) -> Notice:
    """A notice whose times are these: scheduled, expected, told, known at."""
    scheduled, expected, told, known = moments
    return notice(
        kind=kind,
        cause=cause,
        out_scheduled=scheduled,
        out_expected=expected,
        out_told=told,
        source_time=known,
        **LONGEST,
    )


def test_english_is_shipped_with_every_kind() -> None:
    assert "en" in LOCALES
    for locale in LOCALES:
        words = WORDINGS.by_locale[locale]
        assert set(words.kinds) == set(KINDS)
        assert (len(words.months), len(words.weekdays)) == (12, 7)
        assert words.version
        assert words.source


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("kind", KINDS)
def test_the_longest_text_fits_two_parts_of_the_default_alphabet(kind: Kind, locale: str) -> None:
    words = WORDINGS.by_locale[locale]
    # Far from the flight's date, in every month: each time carries its day.
    days = [
        at(f"2013-{month:02}-{day}T23:59:00Z") for month in range(1, 13) for day in range(20, 27)
    ]
    for cause, day in itertools.product([None, *words.causes], days):
        whole = at_all_times(kind, cause, (day, day + MINUTE, day, day))
        text = render(notice(**{**fields(whole), "locale": locale}), WORDINGS)
        assert len(text) <= TWO_PARTS, text
        assert set(text) <= GSM_7, sorted(set(text) - GSM_7)


def fields(record: Notice) -> dict[str, object]:
    """A notice's fields by name."""
    return {name: getattr(record, name) for name in record.__struct_fields__}


@pytest.mark.parametrize("locale", LOCALES)
def test_no_cause_is_cut_and_every_template_only_names_known_fields(locale: str) -> None:
    words = WORDINGS.by_locale[locale]
    known = {"ticket", "origin", "destination", "route", "date", "scheduled", "expected"} | {
        *("told", "arrival", "as_of", "reason"),
    }
    for template in words.kinds.values():
        assert set(re.findall(r"\$\{?([a-z_]+)", template)) <= known
        assert "http" not in template
    for code, text in words.causes.items():
        assert re.fullmatch(r"(AHM730|SSIM|BTS):\w+", code)
        assert 0 < len(text) <= 40


def test_what_a_delayed_passenger_reads() -> None:
    text = render(notice(cause="AHM730:71"), WORDINGS)
    assert text == (
        "UA1545 EWR-IAH, Fri 8 Feb: DELAYED. New departure 06:00 (scheduled 05:15). "
        "Reason: weather at the departure airport. As of 04:00 local time; it may change again."
    )


def test_what_a_passenger_reads_whose_flight_leaves_earlier_than_told() -> None:
    text = render(
        notice(kind="earlier", out_told=OUT + 180 * MINUTE, out_expected=OUT + 40 * MINUTE),
        WORDINGS,
    )
    assert text == (
        "UA1545 EWR-IAH, Fri 8 Feb: EARLIER THAN TOLD. Now leaves 05:55, not 08:15. "
        "Please be at the gate in time. As of 04:00 local time."
    )


def test_what_a_passenger_reads_whose_flight_is_cancelled() -> None:
    text = render(notice(kind="cancelled", out_expected=None), WORDINGS)
    assert text == (
        "UA1545 EWR-IAH, Fri 8 Feb: CANCELLED (was due out 05:15). Reason: not given by the "
        "airline. Your airline rebooks or refunds you. As of 04:00 local time."
    )


def test_what_a_passenger_reads_whose_flight_operates_after_all() -> None:
    text = render(notice(kind="reinstated", out_expected=None), WORDINGS)
    assert text == (
        "UA1545 EWR-IAH, Fri 8 Feb: OPERATES AFTER ALL. Departure now not known yet. "
        "Our word that it was cancelled no longer holds. As of 04:00 local time."
    )


@pytest.mark.parametrize(
    ("airport", "date", "moment", "shown"),
    [
        # The same day is not repeated; another one is named.
        ("EWR", "2013-02-08", "2013-02-08T10:15:00Z", "05:15"),
        ("EWR", "2013-02-08", "2013-02-09T04:59:00Z", "23:59"),
        ("EWR", "2013-02-08", "2013-02-09T05:00:00Z", "00:00 Sat 9 Feb"),
        ("EWR", "2013-02-08", "2013-02-08T04:59:00Z", "23:59 Thu 7 Feb"),
        # The night the clocks go forward in New York, and back.
        ("JFK", "2013-03-10", "2013-03-10T06:59:00Z", "01:59"),
        ("JFK", "2013-03-10", "2013-03-10T07:00:00Z", "03:00"),
        ("JFK", "2013-11-03", "2013-11-03T05:30:00Z", "01:30"),
        ("JFK", "2013-11-03", "2013-11-03T06:30:00Z", "01:30"),
        # Half hours, a day ahead, and the other side of the date line.
        ("DEL", "2013-02-08", "2013-02-08T00:00:00Z", "05:30"),
        ("APW", "2013-02-09", "2013-02-08T10:00:00Z", "00:00"),
        ("PPG", "2013-02-07", "2013-02-08T10:00:00Z", "23:00"),
        ("LDH", "2013-02-08", "2013-02-08T00:00:00Z", "11:00"),
        # Nobody knows the airport's zone, so it is said which one is meant.
        ("ZZ9Z", "2013-02-08", "2013-02-08T10:15:00Z", "10:15 UTC"),
        ("ZZ9Z", "2013-02-07", "2013-02-08T10:15:00Z", "10:15 UTC Fri 8 Feb"),
    ],
)
def test_times_are_local_at_the_airport_with_the_day_where_it_differs(
    airport: str, date: str, moment: str, shown: str
) -> None:
    text = render(notice(origin=airport, date=date, out_expected=at(moment)), WORDINGS)
    assert f"New departure {shown} (scheduled" in text


def test_without_a_destination_the_route_is_the_origin() -> None:
    assert render(notice(destination=None), WORDINGS).startswith("UA1545 EWR, Fri 8 Feb:")


def test_a_time_that_is_not_known_says_so() -> None:
    assert "(scheduled not known yet)" in render(notice(out_scheduled=None), WORDINGS)


@pytest.mark.parametrize(
    ("locale", "same_as"),
    [("en", "en"), ("en-GB", "en"), ("xx", "en"), ("xx-YY", "en"), ("", "en")],
)
def test_an_unknown_locale_falls_back_to_its_language_and_then_to_english(
    locale: str, same_as: str
) -> None:
    assert WORDINGS.of(locale) is WORDINGS.by_locale[same_as]


def test_a_locale_of_its_own_comes_before_its_language() -> None:
    british, english, german = (WORDINGS.by_locale["en"] for _ in range(3))
    wordings = Wordings({"en-GB": british, "en": english, "de": german})
    assert wordings.of("en-GB") is british
    assert wordings.of("de-AT") is german


def test_a_cause_nobody_has_words_for_is_not_shown_as_a_code() -> None:
    words = WORDINGS.by_locale["en"]
    assert reason(words, "AHM730:71") == "weather at the departure airport"
    assert reason(words, "AHM730:99") == reason(words, None) == words.unknown_reason


CONTROL = [chr(code) for code in (*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029)]


def test_control_characters_never_reach_a_text() -> None:
    text = render(notice(ticket="UA" + "".join(CONTROL) + "1545"), WORDINGS)
    assert text.startswith("UA1545 EWR-IAH")
    assert not set(text) & set(CONTROL)


@given(st.text(max_size=80), st.sampled_from(KINDS))
def test_whatever_a_ticket_holds_is_capped_and_changes_nothing_else(
    ticket: str, kind: Kind
) -> None:
    text = render(notice(kind=kind, ticket=ticket), WORDINGS)
    template = WORDINGS.by_locale["en"].kinds[kind]
    shown = render(notice(kind=kind, ticket="@"), WORDINGS).partition("@")[2]
    assert template.startswith("$ticket ")
    assert text.endswith(shown)
    head = text.removesuffix(shown)
    assert len(head) <= 40
    assert not set(head) & set(CONTROL)


@given(
    st.sampled_from(KINDS),
    st.tuples(*[st.integers(at("2000-01-01T00:00:00Z"), at("2099-12-31T23:59:00Z"))] * 4),
    st.sampled_from(["EWR", "AKL", "PPG", "KTM", "ZZ9Z"]),
)
def test_any_time_of_our_century_can_be_said(
    kind: Kind, moments: tuple[int, ...], origin: str
) -> None:
    whole = at_all_times(kind, None, moments)
    text = render(notice(**{**fields(whole), "origin": origin}), WORDINGS)
    assert len(text) <= TWO_PARTS
    assert "$" not in text


def test_a_notice_has_no_field_a_person_could_be_known_by() -> None:
    """Texts are made of the notice alone, and it holds a token where an address would be."""
    personal = {"phone", "email", "name", "pnr", "address", "passenger"}
    assert not personal & set(Notice.__struct_fields__)


def test_the_data_file_is_what_is_loaded() -> None:
    place = files("filters") / "data" / "wordings" / "en.toml"
    content = tomllib.loads(place.read_text("utf-8"))
    assert WORDINGS.by_locale["en"].kinds == content["kinds"]
    assert all(string.Template(text).is_valid() for text in content["kinds"].values())
