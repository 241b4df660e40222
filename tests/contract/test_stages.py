"""`pipeline/stages.py` and `infra/template.yaml` draw the same picture."""

from __future__ import annotations

import msgspec
import pytest

from pipeline.stages import CHAIN, DETECT, JOIN, NORMALIZE, NOTIFY, Stage
from tests.contract.policy.stack import FUNCTION, MAPPING, STREAM, TABLE, Resource, Stack


def differences(chain: tuple[Stage, ...], stack: Stack) -> list[str]:
    """Where the chain and the template disagree, as `stage: what`."""
    found = [
        f"{stage.name}: {problem}" for stage in chain for problem in _of_stage(stage, chain, stack)
    ]
    for kind, named in (
        (FUNCTION, {stage.function for stage in chain}),
        (MAPPING, {stage.mapping for stage in chain}),
        (TABLE, {table for stage in chain for table in stage.tables}),
    ):
        declared = {one.id for one in stack.of(kind)}
        found += [f"template: {one} belongs to no stage" for one in sorted(declared - named)]
    return found


def _of_stage(stage: Stage, chain: tuple[Stage, ...], stack: Stack) -> list[str]:
    function = stack.resources.get(stage.function)
    mapping = stack.resources.get(stage.mapping)
    source = stack.resources.get(stage.source)
    if function is None or mapping is None or source is None:
        return [f"{stage.function}, {stage.mapping} or {stage.source} is not in the template"]
    own = "" if source.kind == STREAM else stage.source
    dead_letters = stack.meant(source.at("RedrivePolicy", "deadLetterTargetArn"))
    following = chain[chain.index(stage) + 1] if stage is not chain[-1] else None
    facts: list[tuple[str, object, object]] = [
        ("handler", function.at("Handler"), f"pipeline.handlers.{stage.name}"),
        ("stage setting", _setting(stack, function, "STAGE"), stage.name),
        ("mapped function", stack.function(mapping).id, stage.function),
        ("mapped source", stack.source(mapping).id, stage.source),
        ("input queue", _setting(stack, function, "INPUT_QUEUE_URL"), own),
        ("output queue", _setting(stack, function, "OUTPUT_QUEUE_URL"), stage.sink or ""),
        ("dead letters", _setting(stack, function, "DEAD_LETTER_QUEUE_URL"), stage.dead_letters),
        ("redriven to", dead_letters.id if dead_letters else "", own and stage.dead_letters),
        ("tables", _tables(stack, function), set(stage.tables)),
        ("granted tables", _granted_tables(stack, function), set(stage.tables)),
        ("next source", stage.sink, following.source if following else None),
        ("next schema", stage.writes, following.reads if following else None),
    ]
    return [f"{what} is {is_}, not {ought}" for what, is_, ought in facts if is_ != ought]


def _setting(stack: Stack, function: Resource, name: str) -> str:
    """A setting's value; the logical id where it names a resource; "" where it is not given."""
    value = stack.environment(function).get(f"FLIGHTWIRE_{name}", "")
    meant = stack.meant(value)
    return meant.id if meant else value


def _tables(stack: Stack, function: Resource) -> set[str]:
    named = map(stack.meant, stack.environment(function).values())
    return {one.id for one in named if one and one.kind == TABLE}


def _granted_tables(stack: Stack, function: Resource) -> set[str]:
    role = stack.role(function)
    resources = (
        resource
        for statement in (stack.statements(role) if role else [])
        for resource in statement.resources
    )
    return {one.id for one in map(stack.meant, resources) if one and one.kind == TABLE}


@pytest.fixture(scope="module")
def stack() -> Stack:
    return Stack.load()


def test_chain_is_the_template(stack: Stack) -> None:
    assert differences(CHAIN, stack) == []


def test_chain_starts_at_the_stream_and_ends_with_people(stack: Stack) -> None:
    assert stack.resources[CHAIN[0].source].kind == STREAM
    assert CHAIN[-1].writes is None
    assert [stage.name for stage in CHAIN] == ["normalize", "detect", "join", "notify"]


WRONG: dict[str, tuple[Stage, dict[str, object], str]] = {
    "a name without handler": (DETECT, {"name": "detection"}, "handler"),
    "a foreign function": (JOIN, {"function": "NotifyFunction"}, "mapped function"),
    "no such function": (JOIN, {"function": "JoiningFunction"}, "not in the template"),
    "a foreign mapping": (JOIN, {"mapping": "DetectMapping"}, "mapped source"),
    "a foreign source": (DETECT, {"source": "NoticeQueue"}, "mapped source"),
    "a queue for the stream": (NORMALIZE, {"source": "StatusQueue"}, "mapped source"),
    "a foreign sink": (NORMALIZE, {"sink": "NoticeQueue"}, "output queue"),
    "a sink too many": (NOTIFY, {"sink": "StatusQueue"}, "output queue"),
    "foreign dead letters": (DETECT, {"dead_letters": "NoticeDeadLetters"}, "redriven to"),
    "no table": (DETECT, {"tables": ()}, "granted tables"),
    "a table too many": (JOIN, {"tables": ("BookingsTable", "ContactsTable")}, "tables"),
    "another schema out": (DETECT, {"writes": NORMALIZE.reads}, "next schema"),
    "another schema in": (NOTIFY, {"reads": NORMALIZE.reads}, "next schema"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_chain_is_found(case: str, stack: Stack) -> None:
    stage, change, problem = WRONG[case]
    wrong = msgspec.structs.replace(stage, **change)
    found = differences(tuple(wrong if one is stage else one for one in CHAIN), stack)
    assert any(problem in one for one in found), found


@pytest.mark.parametrize("missing", CHAIN, ids=lambda stage: stage.name)
def test_missing_stage_is_found(missing: Stage, stack: Stack) -> None:
    found = differences(tuple(one for one in CHAIN if one is not missing), stack)
    assert f"template: {missing.function} belongs to no stage" in found
