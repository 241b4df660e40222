"""XML from strangers: no DTD, no entities, bounded size and depth, names without prefixes.

A document with a DOCTYPE is refused before anything is made of it, since the only use of one here
would be an attack (XXE, entity expansion). lxml is loaded with the first XML message.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any, TypeAlias

from filters.outcome import RejectRecord

if TYPE_CHECKING:
    from lxml import etree

    Element: TypeAlias = etree._Element  # noqa: SLF001  (the name lxml gives its element type)

MAX_BYTES = 4 * 1024 * 1024
_REASON = 200
_MOST_PREFIXES = 32
_ROOT = re.compile(rb"<[A-Za-z_][\w.:-]*")
_PREFIX = re.compile(rb"[<\s]([A-Za-z_][\w.-]*):[A-Za-z_]")
_DECLARATION = re.compile(rb"\sxmlns:([A-Za-z_][\w.-]*)\s*=")
# Encodings in which ASCII is ASCII, by their mark or by what the declaration says.
_PLAIN = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*<(?:[^?\0]|\?xml(?:(?![^>]*encoding)|[^>]*?encoding\s*=\s*"
    rb"['\"](?:utf-?8|us-ascii|ascii|iso-8859-\d{1,2}|windows-125\d)['\"]))",
    re.IGNORECASE,
)


def document(payload: bytes) -> Element:
    """The root element. Raises RejectRecord, with line and column, when it cannot be read."""
    if len(payload) > MAX_BYTES:
        raise RejectRecord(f"message: {len(payload)} bytes of XML; at most {MAX_BYTES} are read")
    if b"<!DOCTYPE" in payload or b"<!ENTITY" in payload:
        raise RejectRecord("message: XML with a DOCTYPE or an entity is refused")
    try:
        root = _parsed(payload)
    except RejectRecord as reject:
        declared = _declared(payload) if "Namespace prefix" in reject.reason else payload
        if declared == payload:
            raise
        root = _parsed(declared)
    # In UTF-16 or UTF-7 the marks above do not show; asking the tree costs a tenth of the parse.
    if not _PLAIN.match(payload) and root.getroottree().docinfo.internalDTD is not None:
        raise RejectRecord("message: XML with a DOCTYPE or an entity is refused")
    return root


def _parsed(payload: bytes) -> Element:
    etree, parser = _lxml()
    try:
        root: Element = etree.fromstring(payload, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise RejectRecord(f"message: not XML: {str(error)[:_REASON]}") from error
    return root


def _declared(payload: bytes) -> bytes:
    """The document with the prefixes declared that a message cut out of another one has lost."""
    known = set(_DECLARATION.findall(payload))
    lost = sorted(set(_PREFIX.findall(payload)) - known - {b"xml", b"xmlns"})[:_MOST_PREFIXES]
    names = b"".join(b' xmlns:%s="urn:undeclared:%s"' % (prefix, prefix) for prefix in lost)
    return _ROOT.sub(lambda root: root[0] + names, payload, count=1)


@cache
def _lxml() -> tuple[Any, Any]:
    from lxml import etree  # noqa: PLC0415  (only the functions that read XML pay for it)

    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    return etree, parser


def local(tag: str) -> str:
    """A tag's name without its namespace."""
    return tag.rpartition("}")[2]
