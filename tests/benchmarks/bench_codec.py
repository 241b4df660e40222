"""How long a pack of flight statuses takes to write and to read, beside fastavro on the same ones.

Run it with `python -m tests.benchmarks.bench_codec`. It prints processor microseconds per record,
the best of some rounds, and bytes per record; only ratios carry over to another machine.
"""

from __future__ import annotations

import io
import sys
import time
import zlib
from collections.abc import Callable
from typing import Any

import fastavro
import msgspec

from schemas import codec
from schemas.records import FlightStatus
from schemas.registry import newest
from tests.unit.schemas.strategies import realistic

COUNT = 500
ROUNDS = 20
SEED = 20130208


def best(work: Callable[[], object]) -> float:
    """Microseconds of processor time per record, the best of the rounds."""
    times = []
    for _ in range(ROUNDS):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times) / COUNT * 1e6


def main() -> None:
    """Measure, and print one line for each way."""
    records = realistic(COUNT, SEED)
    packed = codec.encode_pack(records)
    text = codec.to_text(records)
    message = zlib.decompress(packed)
    document: Any = {"type": "array", "items": dict(newest(FlightStatus).document)}
    schema = fastavro.parse_schema(document)

    def fastavro_write() -> bytes:
        out = io.BytesIO()
        fastavro.schemaless_writer(out, schema, [msgspec.structs.asdict(each) for each in records])
        return zlib.compress(out.getvalue(), 1)

    def fastavro_read() -> list[FlightStatus]:
        body = io.BytesIO(zlib.decompress(packed)[codec.HEADER_BYTES :])
        return msgspec.convert(fastavro.schemaless_reader(body, schema, None), list[FlightStatus])

    ways: dict[str, Callable[[], object]] = {
        "encode_pack": lambda: codec.encode_pack(records),
        "decode_pack": lambda: codec.decode_pack(packed, FlightStatus),
        "to_text": lambda: codec.to_text(records),
        "from_text": lambda: codec.from_text(text, FlightStatus),
        "encode, one by one": lambda: [codec.encode(each) for each in records],
        "fastavro and zlib, write": fastavro_write,
        "fastavro and zlib, read": fastavro_read,
    }
    write = sys.stdout.write
    write(f"{COUNT} records; microseconds per record\n")
    for name, work in ways.items():
        write(f"{name:28}{best(work):8.2f}\n")
    write("bytes per record\n")
    for name, size in (("body", len(message)), ("pack", len(packed)), ("text", len(text))):
        write(f"{name:28}{size / COUNT:8.1f}\n")


if __name__ == "__main__":
    main()
