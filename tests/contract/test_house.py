"""The house rules, checked over the source: who imports whom, who reads the environment, and so on.

A rule is a function from a module to the places that break it. Each is first shown to find a small
broken example and to leave a sound one alone, then applied to the whole project.
"""

from __future__ import annotations

import ast
import functools
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import packages_distributions
from pathlib import Path, PurePosixPath
from typing import TypeAlias

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("schemas", "filters", "pipeline", "replay")
LAYOUT = {
    *PACKAGES,
    "infra",
    "tests",
    "docs",
    "pyproject.toml",
    "requirements.lock",
    "Makefile",
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "LICENSE",
    # dotfiles of tools, and what CI runs
    ".ci",
    ".editorconfig",
    ".gitattributes",
    ".gitignore",
}
LONGEST_MODULE = 400
LONGEST_FUNCTION = 60


@dataclass(frozen=True, slots=True)
class Module:
    """One Python file: where it lies under the root, and what it says."""

    path: PurePosixPath
    source: str
    tree: ast.Module

    @classmethod
    def of(cls, path: str, source: str) -> Module:
        """The module at `path` (POSIX, relative to the root) with this source text."""
        return cls(PurePosixPath(path), source, ast.parse(source, path))

    @property
    def room(self) -> str:
        """The top-level folder it lies in."""
        return self.path.parts[0]

    def within(self, *folders: str) -> bool:
        """Whether it lies in one of these folders, given as POSIX paths."""
        return any(self.path.is_relative_to(folder) for folder in folders)

    def at(self, line: int, finding: str) -> str:
        """The finding, with the place in front."""
        return f"{self.path}:{line}: {finding}"


@dataclass(frozen=True, slots=True)
class Import:
    """One imported module by its full name; lazy when importing the file does not load it."""

    name: str
    line: int
    lazy: bool

    @property
    def head(self) -> str:
        """The top-level package."""
        return self.name.partition(".")[0]


def imports(module: Module) -> Iterator[Import]:
    """Every import in the module: statements, relative ones resolved, and import_module calls."""
    pending: list[tuple[ast.AST, bool]] = [(module.tree, False)]
    while pending:
        node, lazy = pending.pop()
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, node.lineno, lazy) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield Import(_absolute(module, node), node.lineno, lazy)
        elif isinstance(node, ast.Call) and _called(node) in {"import_module", "__import__"}:
            name = node.args[0] if node.args else None
            if isinstance(name, ast.Constant) and isinstance(name.value, str):
                yield Import(name.value, node.lineno, lazy)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            pending.extend((child, True) for child in node.body)
            pending.extend((child, lazy) for child in node.orelse)
            continue
        inside = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        pending.extend((child, lazy or inside) for child in ast.iter_child_nodes(node))


def _absolute(module: Module, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    parts = module.path.parent.parts
    package = parts[: len(parts) - node.level + 1]
    return ".".join([*package, *([node.module] if node.module else [])])


def _called(node: ast.Call) -> str:
    return ast.unparse(node.func).rpartition(".")[2]


ARROWS = {
    "schemas": {"filters", "pipeline", "replay", "infra", "tests"},
    "filters": {"pipeline", "replay", "infra", "tests"},
    "pipeline": {"replay", "infra", "tests"},
    "replay": {"infra", "tests"},
    "tests": {"infra"},
}


def arrows(module: Module) -> list[str]:
    """Arrows point one way, schemas <- filters <- pipeline <- replay; the command line sees all."""
    barred = ARROWS.get(module.room, set())
    if module.within("pipeline/cli"):
        barred = barred - {"replay"}
    return [
        module.at(found.line, f"{module.room}/ must not import {found.name}")
        for found in imports(module)
        if found.head in barred
    ]


def sdk(module: Module) -> list[str]:
    """The AWS SDK and Powertools live in pipeline/aws/; local and cli may load boto3 lazily."""
    if module.within("pipeline/aws", "tests"):
        return []
    lazily = module.within("pipeline/local", "pipeline/cli")
    findings = []
    for found in imports(module):
        if found.head == "aws_lambda_powertools":
            findings.append(module.at(found.line, f"{found.name} belongs in pipeline/aws/"))
        elif found.head in {"boto3", "botocore"} or found.head.startswith("mypy_boto3_"):
            if not lazily:
                findings.append(module.at(found.line, f"{found.name} belongs in pipeline/aws/"))
            elif not found.lazy:
                findings.append(module.at(found.line, f"{found.name}: import it where it is used"))
    return findings


def environment(module: Module) -> list[str]:
    """Only pipeline/settings.py reads the environment (tests may, for the commands they start)."""
    if module.within("pipeline/settings.py", "tests"):
        return []
    readers = {"environ", "environb", "getenv", "getenvb", "putenv", "unsetenv"}
    findings = []
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "os":
            used = {node.attr}
        elif isinstance(node, ast.ImportFrom) and node.module == "os":
            used = {alias.name for alias in node.names}
        else:
            continue
        findings += [
            module.at(node.lineno, f"os.{name}: pipeline/settings.py reads the environment")
            for name in sorted(used & readers)
        ]
    return findings


# Calls that give a naive datetime unless a zone is passed: name -> position of the zone argument.
ZONED = {"now": 0, "fromtimestamp": 1, "datetime": 7}
ALWAYS_NAIVE = {"utcnow", "utcfromtimestamp", "today"}


def naive_time(module: Module) -> list[str]:
    """No datetime without a zone is ever made, and no zone taken away."""
    return [
        module.at(node.lineno, f"{ast.unparse(node.func)}() gives a time without a zone")
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call) and (_makes_naive(node) or _drops_zone(node))
    ]


def _makes_naive(node: ast.Call) -> bool:
    name = _called(node)
    if name != "datetime" and _owner(node) not in {"datetime", "date"}:
        return False
    zoned = any(keyword.arg in {"tz", "tzinfo"} for keyword in node.keywords)
    return name in ALWAYS_NAIVE or (name in ZONED and len(node.args) <= ZONED[name] and not zoned)


def _drops_zone(node: ast.Call) -> bool:
    return isinstance(node.func, ast.Attribute) and any(
        keyword.arg == "tzinfo" and ast.unparse(keyword.value) == "None"
        for keyword in node.keywords
    )


WORLD = {
    "asyncio",
    "concurrent",
    "http",
    "multiprocessing",
    "random",
    "secrets",
    "select",
    "signal",
    "socket",
    "ssl",
    "subprocess",
    "threading",
    "time",
    "urllib",
}


def purity(module: Module) -> list[str]:
    """Filters and schemas see only what is passed in: no clock, chance, network or process."""
    if module.room not in {"filters", "schemas"}:
        return []
    findings = [
        module.at(found.line, f"{found.name} reaches outside the function")
        for found in imports(module)
        if found.head in WORLD
    ]
    clocks = {"now", "today", "utcnow"}
    return findings + [
        module.at(node.lineno, f"{ast.unparse(node.func)}() reads the clock")
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        if node.func.attr in clocks and _owner(node) in {"datetime", "date"}
    ]


def _owner(node: ast.Call) -> str:
    return ast.unparse(node.func).rpartition(".")[0].rpartition(".")[2]


def length(module: Module) -> list[str]:
    """A module over 400 lines, or a function over 60, is probably two."""
    if module.room == "tests":
        return []
    findings = []
    lines = module.source.count("\n")
    if lines > LONGEST_MODULE:
        findings.append(module.at(1, f"{lines} lines; at most {LONGEST_MODULE}"))
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > LONGEST_FUNCTION:
                finding = f"{node.name} has {lines} lines; at most {LONGEST_FUNCTION}"
                findings.append(module.at(node.lineno, finding))
    return findings


# Modules that come with a declared dependency and are used beside it.
COMPANIONS = {
    "botocore": "boto3",
    "packaging": "pytest",
    "werkzeug": "moto",
}
# Only the type checker has these: its own types, and a package of boto3-stubs for each service.
STUBS = ("_typeshed", "mypy_boto3_")


@functools.cache
def declared() -> Mapping[str, frozenset[str]]:
    """What pyproject.toml declares, by who has it installed: the Lambdas, people, developers."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    table = project["project"]
    runtime = table["dependencies"]
    people = runtime + [line for extra in table["optional-dependencies"].values() for line in extra]
    groups = project["dependency-groups"].values()
    development = people + [line for group in groups for line in group if isinstance(line, str)]
    listed = {"lambda": runtime, "people": people, "development": development}
    return {use: frozenset(map(distribution, lines)) for use, lines in listed.items()}


def distribution(requirement: str) -> str:
    """The canonical name in front of a requirement: `Foo_Bar[x]>=1` gives `foo-bar`."""
    return canonicalize_name(Requirement(requirement).name)


@functools.cache
def providers(package: str) -> frozenset[str]:
    """Names of the distributions that an `import package` may come from."""
    found = {distribution(name) for name in installed().get(package, [package])}
    return frozenset(found | ({COMPANIONS[package]} if package in COMPANIONS else set()))


@functools.cache
def installed() -> Mapping[str, list[str]]:
    """Importable top-level names and the distributions that installed them."""
    return packages_distributions()


def undeclared(module: Module) -> list[str]:
    """A third-party import is a declared dependency, and what Lambda loads is not an extra."""
    ours = {*PACKAGES, "infra", "tests", *sys.stdlib_module_names}
    return [
        module.at(found.line, f"{found.name} is not declared in pyproject.toml for this place")
        for found in imports(module)
        if found.head not in ours and not (found.lazy and found.head.startswith(STUBS))
        if not providers(found.head) & declared()[_installation(module, found)]
    ]


def _installation(module: Module, found: Import) -> str:
    """Whose installation must hold this import: the Lambdas', people's or developers'."""
    if module.room == "tests":
        return "development"
    if module.within("pipeline/cli", "pipeline/demo", "pipeline/local", "replay"):
        return "people"
    # elsewhere in pipeline/ a function that only people call may load an extra when it runs
    return "people" if found.lazy and module.room == "pipeline" else "lambda"


def strangers(names: Iterable[str]) -> list[str]:
    """Entries at the root that are not part of the layout."""
    return sorted(set(names) - LAYOUT)


Rule: TypeAlias = Callable[[Module], list[str]]
RULES: tuple[Rule, ...] = (arrows, sdk, environment, naive_time, purity, length, undeclared)

LONG_FUNCTION = "def f() -> None:\n" + "    x = 1\n" * LONGEST_FUNCTION

BROKEN: tuple[tuple[Rule, str, str], ...] = (
    (arrows, "schemas/codec.py", "import filters.detect"),
    (arrows, "schemas/codec.py", "from pipeline import stages"),
    (arrows, "filters/detect.py", "from pipeline.ports import Clock"),
    (arrows, "filters/detect.py", "def f():\n    import replay"),
    (arrows, "filters/normalize/aidx.py", "from ...pipeline import ports"),
    (arrows, "pipeline/stages.py", "from replay import archive"),
    (arrows, "pipeline/stages.py", "importlib.import_module('replay.archive')"),
    (arrows, "replay/runner.py", "from tests.conftest import SEED"),
    (sdk, "filters/join.py", "import boto3"),
    (sdk, "schemas/codec.py", "if TYPE_CHECKING:\n    from mypy_boto3_sqs import SQSClient"),
    (sdk, "pipeline/handlers.py", "from aws_lambda_powertools import Logger"),
    (sdk, "pipeline/batch.py", "def f():\n    from botocore.exceptions import ClientError"),
    (sdk, "pipeline/cli/local.py", "import boto3"),
    (sdk, "pipeline/local/sqs.py", "class Source:\n    import boto3"),
    (sdk, "pipeline/local/sqs.py", "def f():\n    import aws_lambda_powertools"),
    (sdk, "replay/archive.py", "def f():\n    import boto3"),
    (environment, "filters/notify.py", "import os\nHOME = os.environ['HOME']"),
    (environment, "pipeline/handlers.py", "import os\nstage = os.getenv('STAGE')"),
    (environment, "pipeline/cli/demo.py", "from os import environ"),
    (naive_time, "filters/detect.py", "datetime.utcnow()"),
    (naive_time, "filters/detect.py", "datetime.now()"),
    (naive_time, "filters/detect.py", "datetime.datetime.fromtimestamp(seconds)"),
    (naive_time, "tests/unit/test_join.py", "dt.datetime(2026, 11, 20, 8, 15)"),
    (naive_time, "replay/runner.py", "date.today()"),
    (naive_time, "schemas/records.py", "when.replace(tzinfo=None)"),
    (purity, "filters/notify.py", "import time"),
    (purity, "filters/people.py", "def f():\n    from random import choice"),
    (purity, "schemas/codec.py", "import urllib.request"),
    (purity, "filters/detect.py", "dt.datetime.now(tz=UTC)"),
    (length, "filters/join.py", "x = 1\n" * (LONGEST_MODULE + 1)),
    (length, "filters/join.py", LONG_FUNCTION),
    (
        length,
        "filters/join.py",
        "class C:\n" + "\n".join(f"    {x}" for x in LONG_FUNCTION.split("\n")),
    ),
    (undeclared, "filters/detect.py", "import click"),
    (undeclared, "filters/notify.py", "def f():\n    import rich"),
    (undeclared, "pipeline/handlers.py", "from rich.table import Table"),
    (undeclared, "pipeline/aws/queue.py", "import moto"),
    (undeclared, "pipeline/cli/demo.py", "import hypothesis"),
    (undeclared, "tests/unit/test_join.py", "import no_such_package"),
)

SOUND: tuple[tuple[Rule, str, str], ...] = (
    (arrows, "filters/normalize/aidx.py", "from .. import outcome\nfrom schemas import records"),
    (arrows, "pipeline/cli/replay.py", "def f():\n    from replay import runner"),
    (arrows, "replay/runner.py", "import pipeline.stages, filters.detect, schemas"),
    (sdk, "pipeline/aws/queue.py", "import boto3\nfrom aws_lambda_powertools import Logger"),
    (sdk, "pipeline/local/sqs.py", "def f():\n    import boto3"),
    (sdk, "pipeline/local/sqs.py", "if TYPE_CHECKING:\n    from mypy_boto3_sqs import SQSClient"),
    (sdk, "tests/integration/test_sqs.py", "import boto3"),
    (environment, "pipeline/settings.py", "import os\nos.environ"),
    (environment, "pipeline/cli/demo.py", "import os\nos.sep"),
    (naive_time, "filters/detect.py", "datetime.now(tz)"),
    (naive_time, "filters/detect.py", "datetime.fromtimestamp(seconds, tz=UTC)"),
    (naive_time, "filters/detect.py", "dt.datetime(2026, 11, 20, tzinfo=zone)\nclock.now()"),
    (purity, "filters/detect.py", "import datetime\ndatetime.time(8, 15)\nclock.now()"),
    (purity, "pipeline/clock.py", "import time"),
    (length, "filters/join.py", "x = 1\n" * LONGEST_MODULE),
    (length, "filters/join.py", LONG_FUNCTION.removesuffix("    x = 1\n")),
    (length, "tests/unit/test_join.py", LONG_FUNCTION),
    (
        undeclared,
        "filters/detect.py",
        "from __future__ import annotations\nimport msgspec, datetime",
    ),
    (undeclared, "pipeline/aws/queue.py", "from botocore.config import Config"),
    (
        undeclared,
        "pipeline/local/sqs.py",
        "if TYPE_CHECKING:\n    from mypy_boto3_sqs import SQSClient",
    ),
    (undeclared, "pipeline/cli/demo.py", "import rich"),
    (undeclared, "pipeline/ingest/progress.py", "def f():\n    import rich"),
    (undeclared, "tests/unit/test_join.py", "import hypothesis"),
)


def named(rule: object) -> str:
    """A test id: the rule's own name, or the first words of an example."""
    return getattr(rule, "__name__", str(rule).replace("\n", " ").replace("    ", "")[:40].strip())


@functools.cache
def project_modules() -> tuple[Module, ...]:
    """Every Python file of the project."""
    return tuple(
        Module.of(path.relative_to(ROOT).as_posix(), path.read_text("utf-8"))
        for room in (*PACKAGES, "infra", "tests")
        for path in sorted((ROOT / room).rglob("*.py"))
    )


def root_entries() -> set[str]:
    """What lies at the root: all that git would take in, or what is plain in a bare folder."""
    git = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    if (ROOT / ".git").exists():
        listed = subprocess.run(git, capture_output=True, check=True, text=True).stdout
        return {path.partition("/")[0] for path in listed.split("\0") if path}
    return {path.name for path in ROOT.iterdir() if not path.name.startswith((".", "__"))}


@pytest.mark.parametrize(("rule", "path", "source"), BROKEN, ids=named)
def test_the_rule_finds_the_broken_example(rule: Rule, path: str, source: str) -> None:
    findings = rule(Module.of(path, source))
    assert len(findings) == 1
    assert findings[0].startswith(f"{path}:")


@pytest.mark.parametrize(("rule", "path", "source"), SOUND, ids=named)
def test_the_rule_leaves_the_sound_example_alone(rule: Rule, path: str, source: str) -> None:
    assert rule(Module.of(path, source)) == []


def test_every_rule_has_been_seen_to_fail_and_to_pass() -> None:
    assert {rule for rule, _, _ in BROKEN} == set(RULES) == {rule for rule, _, _ in SOUND}


def test_the_rules_see_every_room() -> None:
    assert {module.room for module in project_modules()} >= {*PACKAGES, "tests"}


@pytest.mark.parametrize("rule", RULES, ids=named)
def test_the_project_keeps_the_rule(rule: Rule) -> None:
    assert [finding for module in project_modules() for finding in rule(module)] == []


def test_a_stranger_at_the_root_is_named() -> None:
    assert strangers([*LAYOUT, "utils", "notes.txt"]) == ["notes.txt", "utils"]


def test_the_root_holds_the_layout_and_nothing_else() -> None:
    assert strangers(root_entries()) == []


# Packages that cost the cold start, or that a pure filter has no business with.
HEAVY = {
    "aws_lambda_powertools",
    "boto3",
    "botocore",
    "click",
    "moto",
    "numpy",
    "pandas",
    "pydantic",
    "rich",
    "samtranslator",
    "urllib3",
}
IMPORT_ALL = """
import importlib, pkgutil, sys
for name in sys.argv[1:]:
    package = importlib.import_module(name)
    for found in pkgutil.walk_packages(getattr(package, "__path__", ()), name + "."):
        importlib.import_module(found.name)
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""


def loaded_by(*names: str) -> set[str]:
    """The top-level packages a fresh interpreter holds after importing these, submodules too."""
    command = [sys.executable, "-c", IMPORT_ALL, *names]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return set(run.stdout.split())


def test_importing_the_sdk_would_be_noticed() -> None:
    assert loaded_by("pipeline.aws") & HEAVY >= {"boto3", "botocore"}


def test_filters_schemas_and_stages_load_no_sdk() -> None:
    loaded = loaded_by("schemas", "filters", "pipeline.stages")
    assert {"schemas", "filters", "pipeline"} <= loaded
    assert loaded & HEAVY == set()
