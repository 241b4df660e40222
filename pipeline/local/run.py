"""The local run: an endpoint, the template deployed into it, and its event source mappings played.

`async with LocalRun(clock, options) as run:` starts everything and leaves nothing behind: no
process, no file, no folder. It runs on the wall's clock, or on virtual time, where idle time is
skipped and two runs of one program interleave alike (see `pipeline.local.loop`).
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from pipeline.ingest.target import NoLocalRunError, local_run
from pipeline.local import endpoint as endpoints
from pipeline.local.boto_sources import KinesisSource, SqsSource, Timing
from pipeline.local.deploy import STACK, DeployError, Deployment, deploy
from pipeline.local.destinations import destination
from pipeline.local.endpoint import Endpoint, child_environment, import_path
from pipeline.local.endpoint_server import Backend
from pipeline.local.invoker import InvocationReport, ProcessInvoker
from pipeline.local.kinesis_mapping import KinesisPoller
from pipeline.local.loop import RunClock, VirtualTimeLoop
from pipeline.local.mapping import KinesisMapping, MappingSettings, SqsMapping, from_resource
from pipeline.local.outbox import SENDER_FILE, SENDER_TOPIC, Outbox
from pipeline.local.sqs_mapping import SqsPoller
from pipeline.local.template import TEMPLATE, Function, Plan, translate
from pipeline.settings import state_dir

Poller = SqsPoller | KinesisPoller
_LOOK_S = 0.25
_VIRTUAL_LOOK_S = 1.0
_SPARE_THREADS = 8


class LocalRunError(Exception):
    """The run cannot start or go on; says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a local run is made of.

    `endpoint_url` names an endpoint that already runs; otherwise `backend` is started. `workers`
    caps the processes per function. `advertise` writes `local.json` into the state folder, by which
    `flightwire feed load --to local` finds the run. `parameters` go to the template.
    """

    template: Path = TEMPLATE
    backend: Backend = "moto"
    endpoint_url: str | None = None
    region: str = endpoints.REGION
    stack: str = STACK
    parameters: Mapping[str, str] = field(default_factory=dict)
    workers: int = 2
    advertise: bool = False
    warn: Callable[[str], None] | None = None


class LocalRun:
    """A running pipeline. `endpoint`, `plan`, `invoker` and `outbox` are there once it is entered.

    Records put by this process should go through `endpoint`'s clients; after a put by any other
    client on virtual time call `endpoint.activity.bump()`, or the idle pollers do not look.
    """

    endpoint: Endpoint
    deployment: Deployment
    invoker: ProcessInvoker
    outbox: Outbox

    def __init__(self, clock: RunClock, options: Options) -> None:
        self.options = options
        self.pollers: dict[str, Poller] = {}
        self._clock = clock
        self._sources: list[SqsSource | KinesisSource] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._leave = ExitStack()

    @property
    def plan(self) -> Plan:
        """The template as deployed."""
        return self.deployment.plan

    @property
    def virtual(self) -> bool:
        """Whether this run is on virtual time."""
        return isinstance(asyncio.get_running_loop(), VirtualTimeLoop)

    async def __aenter__(self) -> Self:
        """Start; must be on the main thread.

        Raises LocalRunError, EndpointError, InstallError, DeployError, TemplateError, MappingError.
        """
        with ExitStack() as leave:
            self._start(leave)
            self._leave = leave.pop_all()
        for name, poller in self.pollers.items():
            self._tasks.append(asyncio.create_task(poller.run(), name=name))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop: after an error at once, else when what was received is done."""
        try:
            if error is None:
                await self.drain()
        finally:
            await self.abort()

    def _start(self, leave: ExitStack) -> None:
        options = self.options
        if options.advertise:
            _refuse_second()
        folder = Path(tempfile.mkdtemp(prefix="flightwire-"))
        leave.callback(shutil.rmtree, folder, ignore_errors=True)
        # The endpoint starts while the template is translated; each takes about a second.
        with ThreadPoolExecutor(1) as thread:
            translated = thread.submit(translate, options.template, region=options.region)
            if options.endpoint_url is None:
                self.endpoint = endpoints.embedded(
                    options.backend, folder=folder, region=options.region
                )
            else:
                self.endpoint = endpoints.running(options.endpoint_url, region=options.region)
            leave.callback(self.endpoint.close)
            template = translated.result()
        if self.virtual:
            self.endpoint.seed()
        self.deployment = deploy(
            self.endpoint, template, stack=options.stack, parameters=options.parameters
        )
        if options.endpoint_url is not None:
            leave.callback(self._destroy)
        self.outbox = Outbox(folder / "sent.jsonl")
        settings = {
            name: self._settings(name, properties)
            for name, properties in self.plan.mappings.items()
        }
        if not settings:
            raise LocalRunError(f"{options.template} has no event source mapping to play")
        self.invoker = self._make_invoker(folder, settings)
        leave.callback(self.invoker.close)
        for name, one in settings.items():
            self.pollers[name] = self._poller(one)
        if options.advertise:
            leave.callback(self._advertise())

    def _destroy(self) -> None:
        """Take the stack away again; a failure must not hide why the run ended."""
        try:
            self.deployment.destroy()
        except DeployError as error:
            if self.options.warn is not None:
                self.options.warn(str(error))

    def _settings(self, name: str, properties: Mapping[str, object]) -> MappingSettings:
        """The settings of one mapping, with what its function, queue or stream adds to them."""
        try:
            function = self.plan.function_of(properties.get("FunctionName"))
        except KeyError as error:
            raise LocalRunError(f"{name}: the template has no function {error}") from error
        arn = properties.get("EventSourceArn")
        source = {}
        for queue in self.plan.queues.values():
            if queue.arn == arn:
                source["visibility_timeout_s"] = queue.visibility_s
        for stream in self.plan.streams.values():
            if stream.arn == arn:
                source["stream_retention_s"] = stream.retention_s
        return from_resource(
            properties,
            name=name,
            function_timeout_s=function.timeout_s,
            role_arn=function.role_arn or None,
            **source,
        )

    def _make_invoker(
        self, folder: Path, settings: Mapping[str, MappingSettings]
    ) -> ProcessInvoker:
        """The invoker, with as many processes per function as the mappings allow."""
        workers = 1 if self.virtual else self.options.workers
        limits = dict.fromkeys(self.plan.functions, workers)
        for one in settings.values():
            if isinstance(one, SqsMapping) and one.maximum_concurrency is not None:
                target = self.plan.function_of(one.function).logical_id
                limits[target] = min(workers, one.maximum_concurrency)
        if not self.virtual:
            threads = sum(limits.values()) + len(settings) + _SPARE_THREADS
            asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(threads))
        invoker = ProcessInvoker(
            self.plan,
            environment=partial(self._environment, folder),
            clock=self._clock.now_ms,
            virtual=self.virtual,
            folder=folder,
            limits=limits,
        )
        invoker.on_done = self._done
        invoker.on_delayed = self._delayed
        return invoker

    def _environment(self, folder: Path, function: Function) -> dict[str, str]:
        """The whole environment of a function's process.

        Source: AWS Lambda developer guide, "Working with Lambda environment variables".
        """
        sender = {SENDER_FILE: str(self.outbox.path)}
        return {
            **child_environment(folder),
            **import_path(),
            **self.endpoint.environment,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_mb),
            "AWS_LAMBDA_FUNCTION_NAME": function.name,
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{function.name}",
            "TZ": ":UTC",
            "_HANDLER": function.handler,
            **function.environment,
            **(sender if SENDER_TOPIC in function.environment else {}),
        }

    def _poller(self, settings: MappingSettings) -> Poller:
        timing = Timing(self._clock.now_ms, self.endpoint.activity, self.virtual)
        arn = settings.source_arn
        if isinstance(settings, KinesisMapping):
            name = arn.rsplit("/", 1)[-1]
            stream = KinesisSource(self.endpoint.kinesis, name, arn, timing=timing)
            self._sources.append(stream)
            return KinesisPoller(
                settings,
                stream,
                self.invoker,
                clock=self._clock.now_ms,
                destination=destination(self.endpoint, settings.on_failure, settings.name),
                warn=self.options.warn,
            )
        urls = [queue.url for queue in self.plan.queues.values() if queue.arn == arn]
        if not urls:
            raise LocalRunError(f"{settings.name}: {arn} is no queue of the template")
        queue = SqsSource(
            self.endpoint.sqs,
            urls[0],
            arn,
            visibility_s=settings.receive_visibility_s,
            timing=timing,
        )
        self._sources.append(queue)
        return SqsPoller(
            settings, queue, self.invoker, clock=self._clock.now_ms, warn=self.options.warn
        )

    def _done(self, report: InvocationReport) -> None:
        """Note what an invocation may have changed; one that died has not told its calls."""
        if report.error is None:
            self.endpoint.activity.called(report.calls)
        else:
            self.endpoint.activity.bump()

    def _delayed(self, message_id: str, seconds: int) -> None:
        for source in self._sources:
            if isinstance(source, SqsSource):
                source.delay(message_id, seconds)

    def _advertise(self) -> Callable[[], None]:
        """Write `local.json`; what takes it away again."""
        path = state_dir() / "local.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        streams = [stream.name for stream in self.plan.streams.values()]
        body = {
            "endpoint_url": self.endpoint.url,
            "region": self.endpoint.region,
            "stream": streams[0] if streams else "",
            "pid": os.getpid(),
            "backend": self.endpoint.backend,
            "stack": self.deployment.stack,
            "queues": {name: queue.url for name, queue in self.plan.queues.items()},
            "tables": {name: table.ref for name, table in self.plan.tables.items()},
        }
        making = path.with_suffix(f".{os.getpid()}")
        making.write_text(json.dumps(body, indent=2) + "\n", encoding="utf-8")
        making.replace(path)
        return partial(path.unlink, missing_ok=True)

    async def watch(self) -> None:
        """Wait until the run ends by itself, which only an error does. Raises LocalRunError."""
        await asyncio.wait(self._tasks, return_when=asyncio.FIRST_EXCEPTION)
        self._check()

    def _check(self) -> None:
        """Raise LocalRunError when a poller has ended by an error."""
        for task in self._tasks:
            error = task.exception() if task.done() and not task.cancelled() else None
            if error is not None:
                raise LocalRunError(f"{task.get_name()}: {_first(error)}") from error

    async def quiesce(self, limit_s: float = 86_400.0) -> None:
        """Wait until nothing moves any more.

        The streams are read to their ends, no invocation runs, and no queue with a mapping holds a
        message, in flight and delayed ones included. Dead-letter queues may hold any number.
        Raises LocalRunError when a poller failed, or when more than `limit_s` seconds of the run's
        time have gone by.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + limit_s
        if not self.virtual:
            # Others may use the endpoint too, whose calls nobody here has counted.
            self.endpoint.activity.bump()
        while not (self._quiet() and await self._empty() and self._quiet()):
            await self._pause(until)

    def _quiet(self) -> bool:
        """Whether every source was seen empty since the last change, and no poller is busy."""
        enabled = [poller for poller in self.pollers.values() if poller.mapping.enabled]
        quiet = all(source.quiet() for source in self._active())
        return quiet and all(poller.idle for poller in enabled) and not self.invoker.running

    def _active(self) -> list[SqsSource | KinesisSource]:
        pairs = zip(self.pollers.values(), self._sources, strict=True)
        return [source for poller, source in pairs if poller.mapping.enabled]

    async def _empty(self) -> bool:
        if self.virtual:
            # Every change is counted and every message accounted for; there is nothing to ask.
            return True
        queues = [source for source in self._active() if isinstance(source, SqsSource)]
        return all([(await queue.depth()).empty for queue in queues])

    async def _pause(self, until: float) -> None:
        self._check()
        if asyncio.get_running_loop().time() > until:
            raise LocalRunError("the pipeline does not come to rest: something is still moving")
        await asyncio.sleep(_VIRTUAL_LOOK_S if self.virtual else _LOOK_S)

    async def drain(self) -> None:
        """Receive no more and wait until what was received is done. Raises LocalRunError."""
        for poller in self.pollers.values():
            poller.stop()
        if self._tasks:
            await asyncio.wait(self._tasks)
        self._check()

    async def abort(self) -> None:
        """Stop at once and leave nothing behind; safe to call after `drain`, and twice."""
        if not all(task.done() for task in self._tasks):
            self.invoker.kill()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        self._leave.close()


def _first(error: BaseException) -> BaseException:
    """The first cause inside groups of errors."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _refuse_second() -> None:
    """Raise LocalRunError when another local run is going on."""
    with suppress(NoLocalRunError):
        found = local_run()
        raise LocalRunError(
            f"a local run is going on already (process {found.pid}, {found.endpoint_url}); "
            "stop it first, or give this one another XDG_STATE_HOME"
        )
