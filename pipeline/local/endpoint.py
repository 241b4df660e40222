"""An AWS endpoint on this machine: our own child process, or one that already runs.

The embedded endpoint listens on the loopback interface only and is given invented credentials; the
user's own are neither read nor sent. An endpoint that already runs gets what boto3 finds.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from pipeline.local.endpoint_server import HOST, Backend

if TYPE_CHECKING:
    import boto3
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sqs import SQSClient

REGION = "us-east-1"
# Calls that bring nothing new to a queue or stream.
_READING = ("Delete", "Describe", "Get", "List", "Receive")
_START_S = 60.0
_STOP_S = 5.0
# A proxy of the user's must not see loopback traffic.
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
_SERVER = Path(__file__).with_name("endpoint_server.py")
# Paths that say that the server is up without loading a service.
_HEALTH: dict[Backend, str] = {"moto": "/moto-api/", "ministack": "/_ministack/health"}
# Invented: the embedded endpoint takes anything, and must never be sent a real key.
_INVENTED = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}


class EndpointError(Exception):
    """The endpoint does not start, does not answer, or must not be used; says what to do."""


def child_environment(folder: Path) -> dict[str, str]:
    """The environment every child process starts from: nothing of the user's is passed on.

    `folder` is where it may write; it is the home and the temporary folder of the child.
    """
    return {
        "HOME": str(folder),
        "LANG": "en_US.UTF-8",
        "PATH": os.defpath,
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUTF8": "1",
        "TMPDIR": str(folder),
        # No profile, no configuration file and no metadata service is ever asked.
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def import_path() -> dict[str, str]:
    """What lets a child with our interpreter import what this process can."""
    return {"PYTHONPATH": os.pathsep.join(str(Path(entry).resolve()) for entry in sys.path)}


class Activity:
    """Counts what may have changed queues and streams, so that idle time need not be polled."""

    def __init__(self) -> None:
        self.queues = 0
        self.streams = 0

    def bump(self, *, queues: bool = True, streams: bool = True) -> None:
        """Something was put or sent, or given back, or a function may have done so."""
        self.queues += queues
        self.streams += streams

    def called(self, operations: Iterable[str]) -> None:
        """These operations, as "service.Operation", were called."""
        changing = [name for name in operations if not name.partition(".")[2].startswith(_READING)]
        self.bump(
            queues=any(name.startswith(("sqs.", "sns.")) for name in changing),
            streams=any(name.startswith("kinesis.") for name in changing),
        )


class Endpoint:
    """Where the local run's AWS calls go. `pid` is the child's process id, or None."""

    def __init__(
        self,
        url: str,
        *,
        region: str,
        credentials: Mapping[str, str],
        backend: str,
        child: subprocess.Popen[bytes] | None = None,
    ) -> None:
        """`credentials` are AWS_* environment names and their values; see `embedded`, `running`."""
        self.url = url
        self.region = region
        self.backend = backend
        self._credentials = dict(credentials)
        self._child = child
        self._session = _session(region, credentials)
        self._clients: dict[str, Any] = {}
        self.activity = Activity()
        # Calls of this process that change something count themselves.
        self._session.events.register("after-call", self._called)

    def _called(self, model: Any, **_: object) -> None:  # noqa: ANN401  (botocore's, without stubs)
        self.activity.called([f"{model.service_model.service_name}.{model.name}"])

    @property
    def pid(self) -> int | None:
        """The process id of the child that serves it; None for an endpoint that is not ours."""
        return None if self._child is None else self._child.pid

    @property
    def environment(self) -> dict[str, str]:
        """AWS_* names a function needs to reach this endpoint and nothing else."""
        return {
            **self._credentials,
            "AWS_ENDPOINT_URL": self.url,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
        }

    def _client(self, service: str) -> Any:  # noqa: ANN401  (typed by the properties below)
        if service not in self._clients:
            from botocore.config import Config

            config = Config(
                proxies={},  # as for _DIRECT
                retries={"mode": "standard", "total_max_attempts": 3},
                max_pool_connections=32,
                connect_timeout=5,
                s3={"addressing_style": "path"},
            )
            client = self._session.client(
                service,  # type: ignore[call-overload]  # the name is a variable
                endpoint_url=self.url,
                config=config,
            )
            self._clients[service] = client
        return self._clients[service]

    @property
    def cloudformation(self) -> CloudFormationClient:
        """The CloudFormation client."""
        client: CloudFormationClient = self._client("cloudformation")
        return client

    @property
    def dynamodb(self) -> DynamoDBClient:
        """The DynamoDB client."""
        client: DynamoDBClient = self._client("dynamodb")
        return client

    @property
    def kinesis(self) -> KinesisClient:
        """The Kinesis client."""
        client: KinesisClient = self._client("kinesis")
        return client

    @property
    def s3(self) -> S3Client:
        """The S3 client."""
        client: S3Client = self._client("s3")
        return client

    @property
    def sns(self) -> SNSClient:
        """The SNS client."""
        client: SNSClient = self._client("sns")
        return client

    @property
    def sqs(self) -> SQSClient:
        """The SQS client."""
        client: SQSClient = self._client("sqs")
        return client

    def account(self) -> str:
        """The account id behind the endpoint. Raises EndpointError when nothing answers."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            return str(self._client("sts").get_caller_identity()["Account"])
        except (BotoCoreError, ClientError) as error:
            raise EndpointError(f"{self.url} does not answer as AWS does: {error}") from error

    def seed(self) -> None:
        """Have an embedded moto server draw the same ids in every run; nothing for others."""
        if self.backend == "moto":
            with _DIRECT.open(f"{self.url}/moto-api/seed?a=1", data=b"", timeout=_START_S):
                pass

    def close(self) -> None:
        """Close connections and end the child, if there is one; safe to call twice."""
        for client in self._clients.values():
            client.close()
        self._clients.clear()
        if self._child is not None:
            _stop(self._child)

    def __enter__(self) -> Self:
        """This endpoint; it is closed at the end."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _session(region: str, credentials: Mapping[str, str]) -> boto3.Session:
    """A session that knows these credentials and never looks for others."""
    import boto3
    from botocore.session import Session

    # (name in a configuration file, names in the environment, default, conversion): with neither
    # name, a profile or file that the user's environment names is not looked at.
    core = Session(
        session_vars={
            "profile": (None, None, None, None),
            "config_file": (None, None, os.devnull, None),
            "credentials_file": (None, None, os.devnull, None),
        }
    )
    return boto3.Session(
        aws_access_key_id=credentials["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=credentials["AWS_SECRET_ACCESS_KEY"],
        aws_session_token=credentials.get("AWS_SESSION_TOKEN"),
        region_name=region,
        botocore_session=core,
    )


def _stop(child: subprocess.Popen[bytes]) -> None:
    """Tell a child by its pipe to end, and wait; kill it if it does not go."""
    if child.stdin is not None:
        with suppress(OSError):
            child.stdin.write(b".")
            child.stdin.flush()
        with suppress(OSError):
            child.stdin.close()
    try:
        child.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def running(url: str, *, region: str = REGION) -> Endpoint:
    """An endpoint that already runs at `url`, with the credentials that boto3 finds.

    Raises EndpointError for AWS itself (the local run would deploy its stack and read its queues
    there), when there are no credentials, and when nothing answers.
    """
    import boto3
    from botocore.exceptions import BotoCoreError

    host = urlsplit(url).hostname
    if not host:
        raise EndpointError(f"{url!r} is no endpoint; write for example http://127.0.0.1:4566")
    if host.endswith((".amazonaws.com", ".amazonaws.com.cn", ".api.aws")):
        raise EndpointError(
            f"{host} is AWS itself, and the local run only plays Lambda; deploy infra/ there"
        )
    try:
        found = boto3.Session().get_credentials()
        keys = found.get_frozen_credentials() if found else None
    except BotoCoreError as error:
        raise EndpointError(f"no credentials for {url}: {error}") from error
    if keys is None or keys.access_key is None or keys.secret_key is None:
        raise EndpointError(
            f"no credentials for {url}; emulators take any: "
            "set AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local"
        )
    credentials = {
        "AWS_ACCESS_KEY_ID": keys.access_key,
        "AWS_SECRET_ACCESS_KEY": keys.secret_key,
    }
    if keys.token:
        credentials["AWS_SESSION_TOKEN"] = keys.token
    endpoint = Endpoint(url, region=region, credentials=credentials, backend="running")
    endpoint.account()
    return endpoint


def embedded(backend: Backend, *, folder: Path, region: str = REGION) -> Endpoint:
    """Start an endpoint of our own; `folder` must exist and is where it may write.

    It ends when `close` is called and when this process ends, however it ends; if this process is
    killed the child removes `folder`. "ministack" needs an environment of its own and installs it
    on first use. Call it from the main thread: on Linux a child ends with the thread that started
    it. Raises EndpointError when it does not start, InstallError when it cannot be installed.
    """
    python, extra = sys.executable, import_path() | _INVENTED
    if backend == "ministack":
        from pipeline.local import ministack

        python, extra = ministack.python(), ministack.environment()
    elif find_spec("moto") is None or find_spec("flask") is None:
        raise EndpointError("moto is not installed; install this project with its extra `local`")
    with tempfile.TemporaryFile() as words, socket.create_server((HOST, 0), backlog=64) as door:
        door.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        port = door.getsockname()[1]
        told = [str(os.getpid()), backend, str(door.fileno()), str(folder)]
        # The child inherits the open socket, so nobody else can take the port in between.
        child = subprocess.Popen(  # noqa: S603  (our own server, with arguments we wrote)
            [python, "-P", str(_SERVER), *told],
            stdin=subprocess.PIPE,
            stdout=words,
            stderr=words,
            env=child_environment(folder) | {"GATEWAY_PORT": str(port)} | extra,
            pass_fds=[door.fileno()],
            start_new_session=True,
        )
        door.close()
        url = f"http://{HOST}:{port}"
        try:
            _wait_for(url + _HEALTH[backend], child)
        except EndpointError as error:
            _stop(child)
            raise EndpointError(f"{backend} {error}: {_last(words)}") from error
        except BaseException:
            _stop(child)
            raise
    return Endpoint(url, region=region, credentials=_INVENTED, backend=backend, child=child)


def _wait_for(url: str, child: subprocess.Popen[bytes]) -> None:
    """Until something answers at a loopback `url`; EndpointError when the child ends or is late."""
    until = time.monotonic() + _START_S
    while time.monotonic() < until:
        try:
            # The connection waits in the open socket's queue until the server takes it.
            with _DIRECT.open(url, timeout=_START_S):
                return
        except urllib.error.HTTPError as error:
            error.close()
            return
        except OSError:
            if child.poll() is not None:
                raise EndpointError(f"ended at once with status {child.returncode}") from None
            time.sleep(0.05)
    raise EndpointError(f"did not answer in {_START_S:g} s")


def _last(words: IO[bytes]) -> str:
    """The last lines a child wrote."""
    words.seek(0)
    lines = words.read().decode("utf-8", "replace").strip().splitlines()
    return "; ".join(lines[-3:]) or "it said nothing"
