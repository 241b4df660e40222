"""Objects in S3 as inputs, against an embedded S3 in this process."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse, HeadersDict
from botocore.exceptions import ResponseStreamingError
from moto import mock_aws

from pipeline.aws import clients
from pipeline.aws.objects import ObjectInput, ObjectsError, objects

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

pytestmark = pytest.mark.integration

BODY = bytes(range(256)) * 400


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Client]:
    """An empty account with a bucket."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    with mock_aws():
        clients.session.cache_clear()
        client: S3Client = boto3.client("s3")
        client.create_bucket(Bucket="feeds")
        yield client
    clients.session.cache_clear()


def put(s3: S3Client, *keys: str, body: bytes = BODY) -> None:
    for key in keys:
        s3.put_object(Bucket="feeds", Key=key, Body=body)


def content(found: ObjectInput, size: int = 10_000) -> bytes:
    with found.open() as stream:
        return b"".join(iter(lambda: stream.read(size), b""))


def test_an_object_is_read_whole(s3: S3Client) -> None:
    put(s3, "day/a.json")
    (found,) = objects("s3://feeds/day/a.json")
    assert (found.name, found.size, found.where) == ("a.json", len(BODY), "s3://feeds/day/a.json")
    assert content(found) == content(found, -1) == BODY


def test_a_prefix_names_all_objects_behind_it_but_folders(s3: S3Client) -> None:
    put(s3, "day/b.json", "day/deep/c.json", "day/a.json", "dayly.json", "other")
    put(s3, "day/", body=b"")
    where = [found.where for found in objects("s3://feeds/day/")]
    assert where == [f"s3://feeds/day/{name}" for name in ("a.json", "b.json", "deep/c.json")]
    assert len(list(objects("s3://feeds"))) == len(list(objects("s3://feeds/"))) == 5


def test_an_object_with_other_bytes_is_another_input(s3: S3Client) -> None:
    put(s3, "a")
    (before,) = objects("s3://feeds/a")
    (same,) = objects("s3://feeds/a")
    put(s3, "a", body=b"other")
    (after,) = objects("s3://feeds/a")
    assert before.identity == same.identity != after.identity
    assert before.identity.startswith("s3://feeds/a?etag=")
    with pytest.raises(ObjectsError, match="has changed since it was listed"):
        content(before)


@pytest.mark.parametrize(
    ("uri", "word"),
    [
        ("s3://feeds/missing", "missing"),
        ("s3://feeds/none/", "no object there"),
        ("s3://no-such-bucket/key", "no-such-bucket"),
        ("s3://no-such-bucket/", "no-such-bucket"),
        ("s3://", "names no bucket"),
    ],
)
@pytest.mark.usefixtures("s3")
def test_what_is_not_there_is_an_error_with_a_next_step(uri: str, word: str) -> None:
    with pytest.raises(ObjectsError, match=word) as raised:
        list(objects(uri))
    assert raised.value.hint


class Breaking(io.BytesIO):
    """A body whose connection breaks after some bytes."""

    def __init__(self, data: bytes, after: int) -> None:
        super().__init__(data)
        self._left = after

    def read(self, size: int | None = -1, /) -> bytes:
        if not self._left:
            raise ResponseStreamingError(error="connection broken")
        wanted = self._left if size is None or size < 0 else min(size, self._left)
        data = super().read(wanted)
        self._left -= len(data)
        return data

    def stream(self, **_: object) -> Iterator[bytes]:
        yield self.read()


def answering(ranges: list[str | None], after: int) -> Any:  # noqa: ANN401  (botocore's own hook)
    """A server that sends `after` bytes of what is asked for, and then breaks the connection."""

    def answer(request: Any, **_: object) -> Any:  # noqa: ANN401  (the same)
        asked = request.headers.get("Range")
        asked = asked.decode() if isinstance(asked, bytes) else asked
        ranges.append(asked)
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0
        rest = BODY[start:]
        headers: Any = HeadersDict({"Content-Length": str(len(rest)), "ETag": '"x"'})
        return AWSResponse(request.url, 206 if asked else 200, headers, Breaking(rest, after))

    return answer


def test_a_connection_that_breaks_is_opened_anew_where_it_broke(s3: S3Client) -> None:
    put(s3, "a")
    (found,) = objects("s3://feeds/a")
    ranges: list[str | None] = []
    found._client.meta.events.register("before-send.s3.GetObject", answering(ranges, 30_000))  # noqa: SLF001  (the hook of the client in use)
    assert content(found) == BODY
    assert ranges == [None, "bytes=30000-", "bytes=60000-", "bytes=90000-"]


def test_a_connection_that_never_holds_is_given_up(s3: S3Client) -> None:
    put(s3, "a")
    (found,) = objects("s3://feeds/a")
    ranges: list[str | None] = []
    found._client.meta.events.register("before-send.s3.GetObject", answering(ranges, 0))  # noqa: SLF001  (the hook of the client in use)
    with pytest.raises(ObjectsError, match="connection broken") as raised:
        content(found)
    assert "run the command again" in raised.value.hint
    assert len(ranges) == 5


def test_another_endpoint_is_asked_by_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://storage.test:9000")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "nobody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "nothing")
    clients.session.cache_clear()
    found = objects("s3://feeds/a")
    seen: list[str] = []

    def refuse(request: Any, **_: object) -> Any:  # noqa: ANN401  (botocore's own hook)
        seen.append(request.url)
        headers: Any = HeadersDict()
        return AWSResponse(request.url, 404, headers, Breaking(b"", 1))

    clients.session().events.register("before-send.s3.HeadObject", refuse)
    with pytest.raises(ObjectsError):
        list(found)
    clients.session.cache_clear()
    assert seen == ["http://storage.test:9000/feeds/a"]
