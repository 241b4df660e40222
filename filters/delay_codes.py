"""Delay codes as movement messages and AIDX write them, and the causes that records carry.

AHM 730 has two digits (`71`) or two letters (`WO`) for a cause, AHM 731 a character more as a
sub-code (`71A`, `712`, `WOA`). AHM 732 replaces both with three letters for process, reason and
stakeholder. Three letters can be of either scheme, so a source's settings say which.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import Annotated, Final

import msgspec

from filters.policy import load_data

_Number = Annotated[str, msgspec.Meta(pattern="^[0-9]{2}$")]
_Letters = Annotated[str, msgspec.Meta(pattern="^[A-Z]{2}$")]
_NUMERIC = re.compile(r"([0-9]{2})[A-Z0-9]?|([0-9])[A-Z]?", re.ASCII)
_ALPHA = re.compile(r"[A-Z]{2,3}", re.ASCII)
_OLD: Final = "AHM730:"
_NEW: Final = "AHM732:"
_PAIR: Final = 2
_LONGEST: Final = 16  # of any code with blanks around; what is longer fills no cache


class _Code(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    letters: _Letters
    meaning: str


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    version: str
    source: str
    codes: dict[_Number, _Code]


def cause_code(token: str, scheme: str) -> str | None:
    """The cause that a delay code names, as `AHM730:<two digits>` or `AHM732:<three letters>`.

    Letters of AHM 730 become its number, and a sub-code of AHM 731 is left out: it tells airlines'
    own finer causes. `scheme`, AHM730 or AHM732, decides on three letters that could be of both.
    None when it is no code.
    """
    return _cause_code(token, scheme) if len(token) <= _LONGEST else None


@lru_cache(maxsize=4096)
def _cause_code(token: str, scheme: str) -> str | None:
    token = token.strip().upper()
    numeric = _NUMERIC.fullmatch(token)
    if numeric is not None:
        return _OLD + (numeric[1] or numeric[2]).zfill(_PAIR)
    if not _ALPHA.fullmatch(token):
        return None
    number = _numbers().get(token[:_PAIR])
    if len(token) > _PAIR and (number is None or scheme == "AHM732"):
        return _NEW + token
    return None if number is None else _OLD + number


def meaning(cause: str) -> str | None:
    """What a cause such as `AHM730:71` stands for, in English; None when it is not listed."""
    scheme, number = cause[: len(_OLD)], cause[len(_OLD) :]
    code = _codes().get(number) if scheme == _OLD else None
    return None if code is None else code.meaning


def letters(cause: str) -> str | None:
    """The two letters of a cause of AHM 730 such as `AHM730:71`; None when it is not listed."""
    code = _codes().get(cause.removeprefix(_OLD)) if cause.startswith(_OLD) else None
    return None if code is None else code.letters


@cache
def _codes() -> dict[str, _Code]:
    return load_data("delay_codes", "ahm730", _File).codes


@cache
def _numbers() -> dict[str, str]:
    return {code.letters: number for number, code in _codes().items()}
