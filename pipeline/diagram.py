"""The chain as a Mermaid flowchart, drawn from `pipeline.stages`.

`docs/architecture.md` and `README.md` hold its output between two marks; a test compares them.
`python -m pipeline.diagram` writes it there.
"""

from __future__ import annotations

import re
from pathlib import Path

from pipeline.stages import CHAIN, Stage
from schemas.records import RECORD_TYPES

ROOT = Path(__file__).parent.parent
PAGES = ("README.md", "docs/architecture.md")
_NAMES = {kind: name for name, kind in RECORD_TYPES.items()}
_BLOCK = re.compile(
    r"(?P<head><!-- chain: drawn by `python -m pipeline\.diagram` -->\n)"
    r".*?(?P<tail><!-- /chain -->)",
    re.DOTALL,
)


def mermaid() -> str:
    """The flowchart: streams and queues as cylinders, stages as boxes, schemas on the arrows."""
    lines = ["flowchart LR", "  feeds([feeds]) --> FeedStream[(FeedStream)]"]
    for stage in CHAIN:
        lines += _stage(stage)
    lines.append("  notify --> people([SMS, e-mail, webhook])")
    return "\n".join(lines)


def _stage(stage: Stage) -> list[str]:
    lines = [f"  {stage.source}[({stage.source})] -- {_NAMES[stage.reads]} --> {stage.name}"]
    if stage.sink is not None and stage.writes is not None:
        lines.append(f"  {stage.name} -- {_NAMES[stage.writes]} --> {stage.sink}[({stage.sink})]")
    lines += [f"  {stage.name} <--> {table}[/{table}/]" for table in stage.tables]
    lines.append(f"  {stage.name} -. rejected .-> {stage.dead_letters}[({stage.dead_letters})]")
    return lines


def redrawn(page: str) -> str:
    """The page with the diagram between its marks drawn anew; other text untouched."""
    return _BLOCK.sub(
        lambda found: f"{found['head']}```mermaid\n{mermaid()}\n```\n{found['tail']}", page
    )


def main() -> None:
    """Draw the diagram anew in every page that holds it."""
    for name in PAGES:
        path = ROOT / name
        path.write_text(redrawn(path.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main()
