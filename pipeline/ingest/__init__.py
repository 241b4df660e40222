"""Ingest: messages of a file become feed messages, and feed messages become Kinesis records.

Reading order: `inputs` finds what to read, `packed` unpacks it, `lines` and `pieces` split bytes,
`messages` makes records, `loader` routes and aggregates them, `producer` puts them until Kinesis
has said yes, `load` does all of it with a checkpoint.
"""
