"""Live doors: what a feed says now goes into the stream, through ingest's loader like any file.

Reading order: `sink` (messages into the stream), `memory` (what a door remembers between runs),
`pulse` (a quiet feed that is alive), then the doors: `firehose`, `http_poll`, `folder`.
"""
