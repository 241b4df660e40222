"""Request headers that an operator keeps in a file or the environment: API keys mostly."""

from __future__ import annotations

import re
from typing import Final

# RFC 9110, 5.1 and 5.5: a token, and visible ASCII with blanks between.
_LINE: Final = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([!-~](?:[ -~\t]*[!-~])?)")
_OURS: Final = frozenset(
    ("accept-encoding", "connection", "content-length", "host", "transfer-encoding")
)


class HeaderError(Exception):
    """A line that is no header; names the line, never its text."""


def headers_in(text: str, origin: str) -> dict[str, str]:
    """Headers of lines `Name: value`; empty lines and those that begin with # say nothing.

    `origin` names the text in errors. Raises HeaderError.
    """
    found: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        match = _LINE.fullmatch(stripped)
        if match is None:
            raise HeaderError(f"{origin}, line {number}: write `Name: value` in ASCII")
        if match[1].lower() in _OURS:
            raise HeaderError(f"{origin}, line {number}: {match[1]} is set by the connection")
        found[match[1]] = match[2]
    return found
