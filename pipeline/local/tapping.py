"""Listening in on a worker's AWS calls: counts them, holds delays back, dies at a chosen one.

It hooks botocore's event system and changes no answer.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Mapping
from typing import Any

# Where a request lists more than one thing, the parameter that does.
_LISTS = ("Entries", "Records", "PublishBatchRequestEntries", "TransactItems")
_DELAYS = "flightwire_delays"


class Tap:
    """One invocation after the other: `begin`, calls, `end`, then `calls` tells what was called.

    With `hold_back` a DelaySeconds is taken out of what is sent and told to the parent instead
    ({"delayed": {message id: seconds}}), which keeps the message for that long in its own time.
    `sender_file` is the file that the sender of the local run writes to: each opening counts as a
    send.
    """

    def __init__(
        self,
        events: Any,  # noqa: ANN401  (botocore's emitter, which has no stubs)
        *,
        tell: Callable[[dict[str, Any]], None],
        hold_back: bool,
        sender_file: str,
    ) -> None:
        """`events` are those of a botocore session whose clients are yet to be made."""
        self.calls: dict[str, dict[str, int]] = {}
        self._tell = tell
        self._hold_back = hold_back
        self._sender_file = sender_file
        self._seen = 0
        self._fatal: int | None = None
        self._before = True
        self._doomed = False
        events.register("before-parameter-build", self._asked)
        events.register("before-send", self._sending)
        events.register("after-call", self._answered)
        if sender_file:
            sys.addaudithook(self._audit)

    def begin(self, crash: Mapping[str, Any] | None) -> None:
        """A new invocation. `crash`: {"after": k, "before": whether to die just before call k}."""
        self.calls = {}
        self._seen = 0
        self._doomed = False
        self._fatal = crash["after"] if crash else None
        self._before = bool(crash and crash["before"])

    def end(self) -> None:
        """The handler has returned."""
        if self._doomed:
            _die()
        self._fatal = None

    def _asked(
        self,
        params: dict[str, Any],
        model: Any,  # noqa: ANN401  (botocore's OperationModel, which has no stubs)
        context: dict[str, Any],
        **_: object,
    ) -> None:
        name = f"{model.service_model.service_name}.{model.name}"
        count = self.calls.setdefault(name, {"requests": 0, "entries": 0})
        count["requests"] += 1
        count["entries"] += _entries(params)
        if self._hold_back and name == "sqs.SendMessage":
            context[_DELAYS] = params.pop("DelaySeconds", 0)
        elif self._hold_back and name == "sqs.SendMessageBatch":
            entries = [dict(entry) for entry in params["Entries"]]
            context[_DELAYS] = {entry["Id"]: entry.pop("DelaySeconds", 0) for entry in entries}
            params["Entries"] = entries

    def _sending(self, **_: object) -> None:
        """A request is about to leave; answering None lets it."""
        self._count()

    def _answered(self, parsed: dict[str, Any], context: dict[str, Any], **_: object) -> None:
        delays = context.get(_DELAYS)
        if delays:
            self._report(delays, parsed)
        if self._fatal == self._seen:
            _die()

    def _report(self, delays: int | dict[str, int], parsed: dict[str, Any]) -> None:
        if isinstance(delays, int):
            delayed = {parsed["MessageId"]: delays} if "MessageId" in parsed else {}
        else:
            sent = parsed.get("Successful", [])
            delayed = {one["MessageId"]: delays[one["Id"]] for one in sent if delays[one["Id"]]}
        if delayed:
            self._tell({"delayed": delayed})

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event != "open" or not isinstance(arguments[0], str | os.PathLike):
            return
        if os.fspath(arguments[0]) == self._sender_file:
            self._count()
            # There is no later sign of the write: die at the next call, or at the end.
            self._doomed = self._fatal == self._seen

    def _count(self) -> None:
        if self._doomed:
            _die()
        self._seen += 1
        if self._before and self._fatal == self._seen:
            _die()


def _entries(params: Mapping[str, Any]) -> int:
    """How many things one request is about; at least one."""
    for name in _LISTS:
        if isinstance(params.get(name), list):
            return len(params[name])
    items = params.get("RequestItems")  # DynamoDB: by table, puts or keys
    if isinstance(items, Mapping):
        return sum(
            len(asked["Keys"] if isinstance(asked, Mapping) else asked) for asked in items.values()
        )
    return 1


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
