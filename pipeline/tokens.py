"""One outbox token per run of detect, confirmed only for runs that came to their end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from filters.outcome import Outcome

Detect = Callable[..., list[Outcome]]


def tokened(
    detect: Detect, confirm: Callable[[str], None], new_token: Callable[[], str]
) -> tuple[Callable[[list[Any]], list[Outcome]], Callable[[], None]]:
    """`detect` as a function of statuses alone, and what to call once all outputs are emitted.

    A run that raised after writing keeps its token unconfirmed, so that the next run over these
    legs emits what it decided.
    """
    ended: list[str] = []

    def run(statuses: list[Any]) -> list[Outcome]:
        token = new_token()
        outcomes = detect(statuses, token=token)
        ended.append(token)
        return outcomes

    def after_emit() -> None:
        for token in ended:
            confirm(token)

    return run, after_emit
