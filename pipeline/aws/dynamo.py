"""What the DynamoDB adapters share: reading many keys, and running single writes side by side.

BatchGetItem answers HTTP 200 with `UnprocessedKeys`: they are asked for again with a growing pause,
and what stays unread, also because the table cannot answer, is reported, never taken for absent.
"""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, cast

from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

Item: TypeAlias = dict[str, dict[str, Any]]
_T = TypeVar("_T")
_U = TypeVar("_U")
_KEYS = 100
_ROUNDS = 6
_FIRST_PAUSE_S = 0.05
_SIDE_BY_SIDE = 8


@lru_cache(maxsize=1)
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_SIDE_BY_SIDE, thread_name_prefix="dynamodb")


def side_by_side(function: Callable[[_T], _U], items: Sequence[_T]) -> list[_U]:
    """`function` of each item, several at a time; results in order, the first exception raised."""
    return list(_pool().map(function, items)) if len(items) > 1 else [function(i) for i in items]


def batch_get(
    client: DynamoDBClient,
    table: str,
    keys: Collection[Mapping[str, str]],
    pause: Callable[[float], None] = time.sleep,
    *,
    only: Sequence[str] = (),
) -> tuple[list[Item], list[Mapping[str, str]]]:
    """The items under these keys (string attributes), consistently read, and the keys left unread.

    Duplicate keys are asked for once; DynamoDB refuses a request that repeats one. `only` names the
    attributes wanted; without it all come.
    """
    unique = list({tuple(sorted(key.items())): key for key in keys}.values())
    wanted: dict[str, Any] = {"ConsistentRead": True}
    if only:
        names = {f"#{place}": name for place, name in enumerate(only)}
        wanted |= {"ProjectionExpression": ", ".join(names), "ExpressionAttributeNames": names}
    pages = side_by_side(
        lambda page: _page(client, table, page, wanted, pause), list(_chunks(unique))
    )
    items = [item for found, _ in pages for item in found]
    return items, [key for _, unread in pages for key in unread]


def _chunks(keys: Iterable[Mapping[str, str]]) -> Iterable[list[Mapping[str, str]]]:
    rest = iter(keys)
    while page := list(itertools.islice(rest, _KEYS)):
        yield page


def _page(
    client: DynamoDBClient,
    table: str,
    page: Sequence[Mapping[str, str]],
    request: Mapping[str, Any],
    pause: Callable[[float], None],
) -> tuple[list[Item], list[Mapping[str, str]]]:
    items: list[Item] = []
    wanted: list[Any] = [{name: {"S": value} for name, value in key.items()} for key in page]
    for attempt in range(_ROUNDS):
        if attempt:
            pause(random.uniform(0, _FIRST_PAUSE_S * 2**attempt))  # noqa: S311  (jitter, no secret)
        try:
            asked: Any = {table: {**request, "Keys": wanted}}
            answer = client.batch_get_item(RequestItems=asked)
        except (ClientError, BotoCoreError):
            break
        items += cast("list[Item]", answer["Responses"].get(table, []))
        unread: Any = answer.get("UnprocessedKeys", {})
        wanted = list(unread.get(table, {}).get("Keys", []))
        if not wanted:
            break
    return items, [{name: value["S"] for name, value in key.items()} for key in wanted]
