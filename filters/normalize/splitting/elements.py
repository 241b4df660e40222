"""XML elements of certain names, each in the start tags that were open around it.

Expat (the C parser under Python's own) tells where tags begin, so comments, CDATA sections and
attribute values cannot mislead. The bytes between are passed on as they stand.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final, Literal, NoReturn
from xml.parsers import expat

from filters.normalize.splitting.pieces import (
    MAX_AROUND_BYTES,
    MAX_PIECE_BYTES,
    Piece,
    parts,
    too_long,
)

_BOM: Final = b"\xef\xbb\xbf"
_UTF16: Final = (b"\xff\xfe", b"\xfe\xff", b"<\x00", b"\x00<")
# Encodings in which markup is ASCII, so that a tag can be found among the bytes.
_ASCII_MARKUP: Final = re.compile(
    r"utf-?8|us-ascii|ascii|latin-?1|iso-8859-[0-9]{1,2}|windows-125[0-9]|cp125[0-9]", re.IGNORECASE
)
_SPACE: Final = b" \t\r\n"
_BLANK: Final = re.compile(rb"[ \t\r\n]*+")
_TAG: Final = re.compile(rb"""<(/?[^\s/>]++)(?:[^"'>]|"[^"]*+"|'[^']*+')*+>""")
_DECLARATION: Final = re.compile(rb"<\?xml\s[^>]*+>")
# What may stand outside the root element and says nothing.
_MISC: Final = re.compile(
    rb"(?:\s++|<!--(?:[^-]|-(?!->))*+-->|<\?(?!xml\s)(?:[^?]|\?(?!>))*+\?>)*+"
)
_NEXT_DECLARATION: Final = re.compile(rb"<\?xml\s")
_NEXT_ANYTHING: Final = re.compile(rb"<\?xml\s|(?<=\n)<[A-Za-z_]")
_START: Final = re.compile(rb"<([^\s/>?!]++)")
_MAX_DEPTH: Final = 100  # lxml reads 255
_MAX_TOKEN: Final = 4 * 1024 * 1024
_LEAST_PARSED: Final = 4 * 1024
_MOST_PARSED: Final = 64 * 1024
_LONGEST_NAME: Final = 200

_Kind = Literal["between", "document", "rest", "all"]


def elements(
    chunks: Iterable[bytes], names: Iterable[str], max_bytes: int = MAX_PIECE_BYTES
) -> Iterator[Piece]:
    """One piece an element whose local name, under any prefix, is one of `names`.

    The piece is a document: the XML declaration if there is one, the start tags around the element
    with all their attributes and namespaces, the element, and the end tags. Its siblings of other
    names are left out. A document without such an element is one piece. Documents may follow each
    other in one input.

    One piece, for parse to read or reject, is also: what is malformed, to the end of its document
    (the next XML declaration or start tag of the same root); a document with a DOCTYPE or in an
    encoding whose markup is not ASCII; and, to the end of the input, anything in UTF-16.
    """
    splitter = _Splitter(frozenset(names), max_bytes)
    for chunk in chunks:
        yield from splitter.feed(chunk)
    yield from splitter.close()


class _StopError(Exception):
    """Ends the parsing of a document at an offset."""

    def __init__(self, at: int, why: Literal["whole", "cut short", "unreadable"]) -> None:
        super().__init__(why)
        self.at = at
        self.why = why


class _Splitter:
    """Documents one after another. Offsets are those of the input; the buffer begins at `_base`.

    `_from` is where the bytes begin that are not given away yet: a document's head, an element,
    or what follows the last tag outside of elements.
    """

    def __init__(self, names: frozenset[str], max_bytes: int) -> None:
        self._names = names
        self._max = max_bytes
        self._buffer = bytearray()
        self._base = self._at = 0
        self._kind: _Kind = "between"
        self._out: list[Piece] = []
        self._long = self._ended = False
        self._count = self._documents = 0
        self._begin_document(0)

    def _begin_document(self, at: int) -> None:
        self._document = self._fed = self._from = at
        self._declaration = b""
        self._root = ""
        self._root_says: frozenset[str] = frozenset()
        self._next: re.Pattern[bytes] | None = None
        self._around: list[tuple[bytes, bytes]] = []  # the start and end tags that are open
        self._depth = self._element_depth = 0
        self._element, self._start_tag = "", b""
        self._head = True  # no element has been found yet
        parser = self._parser = expat.ParserCreate()
        parser.StartElementHandler = self._on_start
        parser.EndElementHandler = self._on_end
        parser.XmlDeclHandler = self._on_declaration
        parser.StartDoctypeDeclHandler = self._on_doctype

    def feed(self, chunk: bytes) -> Iterator[Piece]:
        """Pieces that are complete with this chunk."""
        for at in range(0, len(chunk), _MOST_PARSED):
            self._buffer += chunk[at : at + _MOST_PARSED]
            yield from self._run()

    def close(self) -> Iterator[Piece]:
        """What is left at the end of the input."""
        self._ended = True
        return self._run()

    def _run(self) -> Iterator[Piece]:
        steps = {
            "between": self._between,
            "document": self._parse,
            "rest": self._rest,
            "all": self._all,
        }
        more = True
        while more:
            more = steps[self._kind]()
            out, self._out = self._out, []
            yield from out
        del self._buffer[: self._from - self._base]
        self._base = self._from

    @property
    def _end(self) -> int:
        return self._base + len(self._buffer)

    def _slice(self, start: int, end: int) -> bytes:
        return bytes(self._buffer[start - self._base : end - self._base])

    def _between(self) -> bool:
        """Find where the next document begins; False when more bytes are needed first."""
        while True:
            blank = _BLANK.match(self._buffer, self._from - self._base)
            self._from = self._base + blank.end() if blank else self._from
            head = self._slice(self._from, self._from + len(_BOM))
            if head != _BOM:
                break
            self._from += len(_BOM)
        if not head or (not self._ended and (len(head) == 1 or head == _BOM[: len(head)])):
            return False
        self._documents += 1
        self._begin_document(self._from)
        self._kind = "all" if head.startswith(_UTF16) else "document"
        return True

    def _parse(self) -> bool:
        """Parse what is there; False when more bytes are needed to go on."""
        parser = self._parser
        # Little at first, since all that is behind a short document is parsed again.
        size = min(_MOST_PARSED, max(_LEAST_PARSED, self._fed - self._document))
        data = self._slice(self._fed, min(self._end, self._fed + size))
        if not data and not self._ended:
            return False
        self._fed += len(data)
        try:
            parser.Parse(data, False)  # noqa: FBT003  (its only form: whether the input ends here)
            self._progress(self._document + parser.CurrentByteIndex)
            if self._ended and self._fed == self._end:
                parser.Parse(b"", True)  # noqa: FBT003  (the same)
        except (expat.ExpatError, LookupError, ValueError):
            # An encoding nobody knows, or one of several bytes a character: no place is given.
            self._unreadable(self._document + parser.ErrorByteIndex)
            return True
        except _StopError as stop:
            if stop.why == "unreadable":
                self._unreadable(stop.at)
                return True
            if stop.why == "cut short" or self._head:
                self._give_rest(stop.at)
            self._from, self._kind = stop.at, "between"
            return True
        return self._fed < self._end

    def _progress(self, sure: int) -> None:
        """Let go of what is parsed up to an offset and too long, or of no account."""
        if self._fed - sure > _MAX_TOKEN:
            raise _StopError(sure + 1, "unreadable")
        if self._head or self._element_depth:
            self._give_away(sure)
        elif sure - self._from > _MAX_TOKEN:
            self._from = sure

    def _unreadable(self, at: int) -> None:
        """Take the document no further apart; the next one is looked for from `at` on."""
        self._kind = "rest"
        self._at = max(at, self._document + 1)
        if self._next is None:
            start = self._slice(self._document, self._document + _LONGEST_NAME + 2)
            tag = _START.match(start)
            if tag is not None:
                self._next = _next_like(tag[1])
            else:
                self._next = _NEXT_DECLARATION if start.startswith(b"<") else _NEXT_ANYTHING

    def _rest(self) -> bool:
        """Look for the next document."""
        pattern = self._next or _NEXT_DECLARATION
        found = pattern.search(self._buffer, self._at - self._base)
        if found is None and not self._ended:
            self._at = max(self._at, self._end - _LONGEST_NAME - 2)
            self._give_away(self._at)
            return False
        self._give_rest(self._end if found is None else self._base + found.start())
        self._kind = "between"
        return True

    def _all(self) -> bool:
        """Wait for the end of the input."""
        if not self._ended:
            self._give_away(self._end)
            return False
        self._give_rest(self._end, strip=b"")
        self._kind = "between"
        return True

    # What the parser finds.

    def _here(self) -> int:
        return self._document + self._parser.CurrentByteIndex

    def _tag(self, at: int) -> tuple[bytes, bytes]:
        """The tag at an offset, and its name."""
        tag = _TAG.match(self._buffer, at - self._base)
        if tag is None:
            raise _StopError(at, "unreadable")
        return tag[0], tag[1]

    def _on_declaration(self, _version: str, encoding: str | None, _standalone: int) -> None:
        self._next = _NEXT_DECLARATION
        if encoding is not None and not _ASCII_MARKUP.fullmatch(encoding):
            raise _StopError(self._document, "unreadable")
        found = _DECLARATION.match(self._buffer, self._document - self._base)
        self._declaration = found[0] if found else b""

    def _on_doctype(self, *_: object) -> NoReturn:
        self._next = _NEXT_DECLARATION
        raise _StopError(self._document, "unreadable")

    def _on_start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        # Avinor's flights, in an `airport` with a name, have an `airport` without one.
        root_again = name == self._root and attributes.keys() == self._root_says
        if self._element_depth and not root_again and self._depth <= _MAX_DEPTH:
            return
        at = self._here()
        if root_again:
            raise _StopError(at, "cut short")
        if self._depth > _MAX_DEPTH:
            raise _StopError(at, "unreadable")
        raw, raw_name = self._tag(at)
        if not self._root:
            self._root, self._next = name, _next_like(raw_name)
            self._root_says = frozenset(attributes)
        local = name.rpartition(":")[2]
        if local in self._names:
            if self._head and (self._long or at - self._from > self._max):
                self._give_rest(at)
            self._element, self._element_depth, self._from = local, self._depth, at
            self._start_tag = raw
            self._count += 1
            self._head = self._long = False
            return
        self._around.append((raw, b"</" + raw_name + b">"))
        self._pass(at + len(raw))

    def _on_end(self, _name: str) -> None:
        self._depth -= 1
        if self._element_depth and self._depth >= self._element_depth:
            return
        start = self._start_tag if self._element_depth else self._around.pop()[0]
        end = self._here()
        if not start.endswith(b"/>"):  # expat tells the end of an empty element behind its tag
            end += len(self._tag(end)[0])
        if self._element_depth:
            self._give_element(end)
        else:
            self._pass(end)
        if not self._depth:
            raise _StopError(end, "whole")

    def _pass(self, end: int) -> None:
        if not self._head:
            self._from = end

    # What is given away.

    @property
    def _place(self) -> str:
        if self._element_depth:
            return f"{self._element} {self._count}"
        return f"document {self._documents}"

    def _give_element(self, end: int) -> None:
        data = self._slice(self._from, end)
        before = self._declaration + b"".join(start for start, _ in self._around)
        after = b"".join(end_tag for _, end_tag in reversed(self._around))
        around = len(before) + len(after)
        if self._long or around + len(data) > self._max:
            self._out += parts(data, self._place, self._from, self._max, too_long(self._max))
        elif around > MAX_AROUND_BYTES:
            fault = f"what is around it is {too_long(MAX_AROUND_BYTES)}"
            self._out += parts(data, self._place, self._from, self._max, fault)
        else:
            self._out.append(Piece(before + data + after, self._place, end))
        self._from, self._element_depth, self._long = end, 0, False

    def _give_away(self, sure: int) -> None:
        """Parts of what is too long, all but the last of what is there up to `sure`."""
        while sure - self._from > self._max:
            part = self._slice(self._from, self._from + self._max)
            self._from += self._max
            self._long = True
            self._out.append(Piece(part, self._place, self._from, too_long(self._max)))

    def _give_rest(self, end: int, strip: bytes = _SPACE) -> None:
        """Everything up to an offset as one piece, unless it says nothing."""
        data = self._slice(self._from, end)
        if self._long or len(data) > self._max:
            self._out += parts(data, self._place, self._from, self._max, too_long(self._max))
        else:
            kept = data.strip(strip) if strip else data
            behind = len(data) - len(data.rstrip(strip)) if strip else 0
            if kept and (self._root or not _MISC.fullmatch(kept)):
                self._out.append(Piece(kept, self._place, end - behind))
        self._from, self._long = end, False


def _next_like(root: bytes) -> re.Pattern[bytes]:
    """Where a document after a malformed one begins: a declaration, or the same root."""
    if len(root) > _LONGEST_NAME:
        return _NEXT_DECLARATION
    return re.compile(rb"<\?xml\s|<" + re.escape(root) + rb"[\s/>]")
