"""XML from strangers: what is refused before anything is made of it."""

from __future__ import annotations

import pytest

from filters.normalize.markup import MAX_BYTES, document, local
from filters.outcome import RejectRecord

DTD = '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'
DECLARED = '<?xml version="1.0" encoding="UTF-16"?>'
# UTF-7 writes `<` and `&` so that no byte search sees them.
UTF_7 = (
    b'<?xml version="1.0"%sencoding="UTF-7"?>+ADw-!DOCTYPE a +AFs-+ADw-!ENTITY b "c"+AD4-+AF0-'
    b"+AD4-+ADw-a+AD4-+ACY-b+ADs-+ADw-/a+AD4-"
)
HIDDEN = {
    "in the open": DTD.encode(),
    "after a comment": b"<!-- -->" + DTD.encode(),
    "UTF-7": UTF_7 % b" ",
    "UTF-7 far away": UTF_7 % (b" " * 5_000),
    **{
        name: (DECLARED + DTD).encode(name)
        for name in ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le")
    },
}


@pytest.mark.parametrize("name", HIDDEN)
def test_trap_33_a_doctype_is_refused_in_any_encoding(name: str) -> None:
    with pytest.raises(RejectRecord, match="DOCTYPE or an entity is refused"):
        document(HIDDEN[name])


def test_trap_33_no_entity_is_expanded_and_nothing_is_fetched() -> None:
    with pytest.raises(RejectRecord, match="not XML"):
        document(b"<a>&b;</a>")
    include = b'<a xmlns:xi="http://www.w3.org/2001/XInclude"><xi:include href="/etc/passwd"/></a>'
    assert document(include)[0].text is None


def test_size_and_depth_have_limits_with_a_place() -> None:
    with pytest.raises(RejectRecord, match=f"at most {MAX_BYTES}"):
        document(b"<a>" + b" " * MAX_BYTES + b"</a>")
    with pytest.raises(RejectRecord, match=r"depth.* line 1, column"):
        document(b"<a>" * 300 + b"</a>" * 300)


@pytest.mark.parametrize("encoding", ["utf-8", "iso-8859-1", "utf-16", "windows-1252", "us-ascii"])
def test_sound_documents_are_read_in_their_encoding(encoding: str) -> None:
    name = "Orly" if encoding == "us-ascii" else "Søndre"
    text = f'<?xml version="1.0" encoding="{encoding}" standalone="yes"?>\n<a>{name}</a>'
    assert document(text.encode(encoding)).text == name


@pytest.mark.parametrize("payload", [b"", b"<", b"\x00", b"<a>\x00</a>", b"<a>\xff</a>", b"a"])
def test_what_is_no_xml_is_refused_as_such(payload: bytes) -> None:
    with pytest.raises(RejectRecord, match=r"^message: not XML"):
        document(payload)


def test_a_message_cut_out_of_another_document_is_read_without_its_declarations() -> None:
    root = document(
        b'<?xml version="1.0"?>\n<a:b c:d="1"><e:f>x</e:f> <g xmlns:h="u" h:i="2"/></a:b>'
    )
    assert [local(str(element.tag)) for element in root.iter()] == ["b", "f", "g"]
    with pytest.raises(RejectRecord, match=r"^message: not XML"):
        document(b"<a:b><a:c></a:b>")
    with pytest.raises(RejectRecord, match=r"^message: not XML: Namespace prefix"):
        document(b"<a>" + b"".join(b"<p%d:a/>" % n for n in range(40)) + b"</a>")
