"""The template keeps every policy rule, and every rule finds a template that breaks it."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias, TypedDict

import pytest

from tests.contract.policy import access, alarms, delivery
from tests.contract.policy.stack import TEMPLATE, Stack

Rule: TypeAlias = Callable[[Stack], list[str]]

RULES: dict[str, Rule] = {
    rule.__name__: rule for rule in (*delivery.RULES, *alarms.RULES, *access.RULES)
}
CHOICES: dict[str, dict[str, str]] = {
    "defaults": {},
    "plain records": {"Aggregated": "false"},
    "with the drop door": {"Drop": "true"},
    "most parallel": {"Aggregated": "false", "PlainParallelizationFactor": "10"},
    "aggregated in any case": {"Aggregated": "true", "PlainParallelizationFactor": "10"},
}


class _Needed(TypedDict):
    rule: str
    block: str
    old: str
    new: str


class Variant(_Needed, total=False):
    """One row of broken.toml; its head says what the keys mean."""

    names: str
    drop: bool


BROKEN: list[Variant] = tomllib.loads(
    Path(__file__).with_name("policy").joinpath("broken.toml").read_text(encoding="utf-8")
)["variant"]


def _ids() -> list[str]:
    """Each variant's rule, and a number where a rule has several."""
    seen: Counter[str] = Counter()
    ids = []
    for variant in BROKEN:
        seen[variant["rule"]] += 1
        ids.append(f"{variant['rule']}-{seen[variant['rule']]}")
    return ids


def _edited(variant: Variant) -> str:
    """The template with the variant's edit made once, within its block."""
    text = TEMPLATE.read_text(encoding="utf-8")
    block = re.search(rf"^  {variant['block']}:\n(?:    .*\n|\n)*", text, re.MULTILINE)
    assert block, f"the template has no {variant['block']}"
    assert variant["old"] in block[0], f"{variant['block']} has no {variant['old']!r}"
    edited = block[0].replace(variant["old"], variant["new"], 1)
    return text[: block.start()] + edited + text[block.end() :]


@pytest.fixture(scope="module", params=CHOICES)
def stack(request: pytest.FixtureRequest) -> Stack:
    return Stack.load(parameters=CHOICES[request.param])


@pytest.mark.parametrize("rule", RULES)
def test_template_keeps_the_rule(rule: str, stack: Stack) -> None:
    assert RULES[rule](stack) == []


@pytest.mark.parametrize("variant", BROKEN, ids=_ids())
def test_rule_finds_the_broken_template(variant: Variant, tmp_path: Path) -> None:
    path = tmp_path / "template.yaml"
    path.write_text(_edited(variant), encoding="utf-8")
    parameters = {"Drop": "true"} if variant.get("drop") else {}
    findings = RULES[variant["rule"]](Stack.load(path, parameters))
    named = {finding.partition(": ")[0] for finding in findings}
    assert variant.get("names", variant["block"]) in named, findings


def test_every_rule_has_a_broken_template() -> None:
    assert {variant["rule"] for variant in BROKEN} == RULES.keys()


def test_every_rule_written_is_run() -> None:
    written = {
        name
        for module in (delivery, alarms, access)
        for name, value in vars(module).items()
        if not name.startswith("_")
        and callable(value)
        and getattr(value, "__module__", None) == module.__name__
    }
    assert written == RULES.keys()
