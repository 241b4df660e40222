"""The four Lambda entry points of the chain, and the one of the drop door.

Each builds its stage from the environment on the first invocation and answers with
`batchItemFailures`, always: Lambda takes an empty answer for success and deletes the batch.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from pipeline import settings
from pipeline.app import Answer, Handler, build


@lru_cache(maxsize=1)
def _handler() -> Handler:
    """The stage this process serves; one function, one stage."""
    return build(settings.read())


def normalize(event: Mapping[str, Any], context: Any) -> Answer:  # noqa: ANN401  (Lambda's own type)
    """Kinesis records -> flight statuses on the status queue."""
    return _handler()(event, context)


def detect(event: Mapping[str, Any], context: Any) -> Answer:  # noqa: ANN401  (Lambda's own type)
    """Flight statuses -> disruptions on the disruption queue."""
    return _handler()(event, context)


def join(event: Mapping[str, Any], context: Any) -> Answer:  # noqa: ANN401  (Lambda's own type)
    """Disruptions -> notices on the notice queue."""
    return _handler()(event, context)


def notify(event: Mapping[str, Any], context: Any) -> Answer:  # noqa: ANN401  (Lambda's own type)
    """Notices -> texts handed to the sender."""
    return _handler()(event, context)


@lru_cache(maxsize=1)
def _drop_handler() -> Handler:
    """The door has a build of its own, so that stages do not load what only it needs."""
    from pipeline.aws import drop as door  # noqa: PLC0415  (only this function's)

    return door.build(settings.read())


def drop(event: Mapping[str, Any], context: Any) -> Answer:  # noqa: ANN401  (Lambda's own type)
    """S3 events -> the messages of the objects they name, on the feed stream."""
    return _drop_handler()(event, context)
