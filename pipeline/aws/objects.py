"""Objects in S3 as inputs: listed, and read as a stream that goes on after a lost connection."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, closing
from typing import TYPE_CHECKING, Any, Final

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError, NoRegionError
from botocore.exceptions import ConnectionError as ConnectionFailedError

from pipeline.aws.clients import session
from pipeline.ingest.inputs import S3

if TYPE_CHECKING:
    from botocore.response import StreamingBody
    from mypy_boto3_s3 import S3Client

_TRIES: Final = 5
_WAIT: Final = Config(
    connect_timeout=5, read_timeout=30, retries={"mode": "standard", "total_max_attempts": 4}
)
_CONNECTION: Final = (ConnectionFailedError, HTTPClientError)
_GONE: Final = frozenset(("404", "NoSuchKey", "NoSuchBucket", "NotFound"))
_CHANGED: Final = frozenset(("412", "PreconditionFailed"))


class ObjectsError(Exception):
    """An object or bucket cannot be read; `hint` says what to do next."""

    def __init__(self, reason: str, hint: str) -> None:
        """State both."""
        super().__init__(reason)
        self.hint = hint


class ObjectInput:
    """One object, as it was when it was listed."""

    def __init__(self, client: S3Client, bucket: str, key: str, *, etag: str, size: int) -> None:
        """`etag` as S3 gives it; `size` in bytes."""
        self._client = client
        self._bucket, self._key, self._etag = bucket, key, etag
        self.size = size
        self.where = f"{S3}{bucket}/{key}"
        self.name = key.rpartition("/")[2] or key
        self.identity = f"{self.where}?etag={etag.strip(chr(34))}"

    def open(self) -> AbstractContextManager[ObjectStream]:
        """The object's bytes. Raises ObjectsError when it has changed or cannot be read."""
        return closing(ObjectStream(self))

    def body(self, offset: int) -> StreamingBody:
        """The bytes from `offset` on. Raises ObjectsError."""
        wanted: dict[str, Any] = {"Range": f"bytes={offset}-"} if offset else {}
        try:
            answer = self._client.get_object(
                Bucket=self._bucket, Key=self._key, IfMatch=self._etag, **wanted
            )
        except (ClientError, BotoCoreError) as error:
            raise _final(error, self.where) from error
        return answer["Body"]


class ObjectStream:
    """The bytes of an object; a connection that breaks is opened anew where it broke."""

    def __init__(self, read: ObjectInput) -> None:
        """Nothing is asked for before the first read."""
        self._object = read
        self._body: StreamingBody | None = None
        self._offset = 0

    def read(self, size: int = -1, /) -> bytes:
        """At most `size` bytes; none at the end. Raises ObjectsError."""
        for tries_left in reversed(range(_TRIES)):
            if self._offset >= self._object.size:
                return b""
            try:
                if self._body is None:
                    self._body = self._object.body(self._offset)
                data = self._body.read(size if size >= 0 else None)
            except BotoCoreError as error:
                self.close()
                if not tries_left:
                    raise _final(error, self._object.where) from error
                continue
            self._offset += len(data)
            if data:
                return data
            self.close()
        raise ObjectsError(f"{self._object.where}: ends early", "run the command again")

    def close(self) -> None:
        """Let go of the connection."""
        body, self._body = self._body, None
        if body is not None:
            body.close()


def objects(uri: str) -> Iterator[ObjectInput]:
    """The object at `s3://bucket/key`, or all behind `s3://bucket/prefix/`, sorted by key.

    Empty objects are left out, for consoles make them as folders. Raises ObjectsError.
    """
    bucket, _, key = uri.removeprefix(S3).partition("/")
    if not bucket:
        raise ObjectsError(f"{uri}: names no bucket", f"write {S3}BUCKET/KEY or {S3}BUCKET/PREFIX/")
    try:
        client = _client()
        if key and not key.endswith("/"):
            head = client.head_object(Bucket=bucket, Key=key)
            size = head["ContentLength"]
            yield ObjectInput(client, bucket, key, etag=head["ETag"], size=size)
            return
        found = 0
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=key):
            for each in page.get("Contents", ()):
                if each["Size"]:
                    found += 1
                    yield ObjectInput(
                        client, bucket, each["Key"], etag=each["ETag"], size=each["Size"]
                    )
    except (ClientError, BotoCoreError) as error:
        raise _final(error, uri) from error
    if not found:
        raise ObjectsError(f"{uri}: no object there", "check the prefix")


def _client() -> S3Client:
    client: S3Client = session().client("s3", config=_WAIT)
    if "amazonaws.com" in client.meta.endpoint_url:
        return client
    # Endpoints that are not AWS's seldom answer under a name for each bucket.
    path_style = _WAIT.merge(Config(s3={"addressing_style": "path"}))
    plain: S3Client = session().client("s3", config=path_style)
    return plain


def _final(error: ClientError | BotoCoreError, where: str) -> ObjectsError:
    """An error that trying again does not cure, with what to do about it."""
    code = error.response.get("Error", {}).get("Code", "") if isinstance(error, ClientError) else ""
    if code in _CHANGED:
        return ObjectsError(f"{where}: has changed since it was listed", "run the command again")
    if code in _GONE:
        hint = "check the bucket's and the object's name, and the account"
    elif isinstance(error, NoRegionError):
        hint = "set AWS_DEFAULT_REGION or a region in the AWS profile"
    elif isinstance(error, _CONNECTION):
        hint = "check that the endpoint can be reached, then run the command again"
    else:
        hint = "check credentials and permissions (s3:GetObject, s3:ListBucket)"
    return ObjectsError(f"{where}: {error}", hint)
