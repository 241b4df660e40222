"""What a stage says of a batch: EMF metrics, one summary line, and one line per failed record.

No payload and no person is ever logged: ids, places, reasons and counts only. Dimensions are the
stage alone, since every combination is billed.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

from pipeline.batch import DISPOSITIONS, BatchResult

NAMESPACE = "flightwire"
METRICS: dict[str, MetricUnit] = {
    "RecordsIn": MetricUnit.Count,
    **{f"Records{name.capitalize()}": MetricUnit.Count for name in DISPOSITIONS},
    "RecordsOut": MetricUnit.Count,
    "AgeMs": MetricUnit.Milliseconds,
}
"""Every metric of a stage; `AgeMs` is from feed receipt to the end of this stage."""


class Telemetry:
    """Reports batches of one stage to CloudWatch by way of standard output."""

    def __init__(self, stage: str, level: str) -> None:
        """`level` is a logging level's name; DEBUG adds the records' ids to the summary line."""
        self._stage = stage
        self._detailed = level == "DEBUG"
        self._logger = Logger(service=f"flightwire-{stage}", level=level, stream=sys.stdout)

    def report(self, result: BatchResult, ages_ms: Sequence[int], request_id: str) -> None:
        """Emit the metrics and log lines of one batch; `ages_ms` of its forwarded records."""
        metrics = EphemeralMetrics(namespace=NAMESPACE, service="flightwire")
        metrics.add_dimension("stage", self._stage)
        metrics.add_metric("RecordsIn", MetricUnit.Count, result.records)
        metrics.add_metric("RecordsOut", MetricUnit.Count, len(result.outputs))
        for name in DISPOSITIONS:
            metrics.add_metric(f"Records{name.capitalize()}", MetricUnit.Count, result.count(name))
        for age in ages_ms[:100]:  # EMF holds 100 values of one metric in one line
            metrics.add_metric("AgeMs", MetricUnit.Milliseconds, age)
        metrics.flush_metrics()
        self._summary(result, ages_ms, request_id)
        for failure in result.failures:
            self._logger.warning(
                failure.reason,
                record=failure.record_id,
                outcome=failure.outcome,
                place=failure.place,
                attempts=failure.attempts,
                stage=self._stage,
                request_id=request_id,
            )

    def _summary(self, result: BatchResult, ages_ms: Sequence[int], request_id: str) -> None:
        counts: dict[str, Any] = {"in": result.records}
        counts |= {name: result.count(name) for name in DISPOSITIONS}
        counts["dropped"] = dict(result.dropped)
        if self._detailed:
            counts["ids"] = result.ended
            counts["output_ids"] = result.outputs
            counts["ages_ms"] = list(ages_ms)
        self._logger.info(
            "batch",
            extra={
                "stage": self._stage,
                "request_id": request_id,
                "outputs": len(result.outputs),
                "failed_messages": len(result.failed_refs),
                **counts,
            },
        )
