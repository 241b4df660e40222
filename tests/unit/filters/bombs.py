"""Inputs made to hurt a parser, by name; each is tried on every format."""

from __future__ import annotations

_MILLION = 1_000_000
_LAUGHS = b"".join(b'<!ENTITY l%d "%s">' % (n + 1, b"&l%d;" % n * 10) for n in range(9))
_DOCTYPE = '<?xml version="1.0" encoding="UTF-16"?><!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>'
_CENTURY = b"SSM\nLT\nNEW\nBA117\n01JAN00 31DEC99 1234567\nJ 77W\nLHR0830 JFK1120\n"
_CONTROLS = "MVT\n\u202eBA117/25.GXWBA.LHR\u2066\n\x1b[2J\x07\nAD0831\n"

BOMBS: dict[str, bytes] = {
    # XML
    "billion laughs": b'<!DOCTYPE a [<!ENTITY l0 "ha">' + _LAUGHS + b"]><a>&l9;</a>",
    "quadratic entity": b'<!DOCTYPE a [<!ENTITY x "'
    + b"x" * 50_000
    + b'">]><a>'
    + b"&x;" * 5_000
    + b"</a>",
    "external entity": b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><FlightLeg>&x;</FlightLeg>',
    "parameter entity": b'<!DOCTYPE a [<!ENTITY % p SYSTEM "http://127.0.0.1:9/x.dtd"> %p;]><a/>',
    "external DTD": b'<!DOCTYPE a SYSTEM "http://127.0.0.1:9/x.dtd"><a/>',
    "DOCTYPE in UTF-16": _DOCTYPE.encode("utf-16"),
    "elements 8,000 deep": b"<FlightLeg>" * 8_000,
    "closed elements 5,000 deep": b"<a>" * 5_000 + b"</a>" * 5_000,
    "100,000 attributes": b"<FlightLeg "
    + b" ".join(b"a%d='1'" % n for n in range(100_000))
    + b"/>",
    "100,000 namespaces": b"<a "
    + b" ".join(b"xmlns:n%d='u%d'" % (n, n) for n in range(100_000))
    + b"/>",
    "an attribute of a million bytes": b"<FlightLeg a='" + b"x" * _MILLION + b"'/>",
    "an open comment": b"<!--" + b"-" * _MILLION,
    "an open CDATA section": b"<a><![CDATA[" + b"]" * _MILLION,
    "an XInclude": b'<a xmlns:xi="http://www.w3.org/2001/XInclude">'
    b'<xi:include href="file:///etc/passwd" parse="text"/></a>',
    "an endless tag": b"<" + b"F" * _MILLION,
    # JSON
    "arrays 100,000 deep": b"[" * 100_000,
    "closed arrays 100,000 deep": b"[" * 100_000 + b"]" * 100_000,
    "objects 100,000 deep": b'{"flights":' * 100_000 + b"1" + b"}" * 100_000,
    "a number of a million digits": b'{"type":"flifo","pitr":' + b"9" * _MILLION + b"}",
    "numbers that are none": b'[{"flightStatus":{"flightId":NaN}},{"flightId":Infinity},'
    b'{"flightId":1e999}]',
    "lone surrogates": rb'{"type":"flifo","pitr":"1","ident":"\ud800",'
    rb'"flights":[{"flightName":"\udfff"}]}',
    "duplicate keys": b'{"type":"flifo",' + b'"ident":"UAL1",' * 50_000 + b'"pitr":"1360317600"}',
    "5,000 small objects": b"[" + b'{"id":1},' * 5_000 + b'{"id":1}]',
    "an open string": b'{"flights":[{"flightName":"' + b"\\" * _MILLION,
    # tables and telegrams
    "a row of a million commas": b"year,month,day,carrier\n" + b"," * _MILLION + b"\n",
    "a header of 100,000 columns": b",".join(b"C%d" % n for n in range(100_000)) + b"\n1\n2\n",
    "an open quote": b'FL_DATE,ORIGIN\n"' + b"2025-05-25,\n" * 5_000,
    "a line of a million letters": b"MVT\n" + b"A" * _MILLION + b"!",
    "a telegram of 5,000 lines": b"MVT\nBA117/25.GXWBA.LHR\n" + b"DL81/0010\n" * 5_000,
    "a schedule of a century": _CENTURY * 10,
    "a chapter 7 file of nines": (b"2L" + b"9" * 198 + b"\n" + b"3" + b"9" * 199 + b"\n") * 500,
    # bytes
    "NUL bytes": b"\x00" * _MILLION,
    "white space": b" \t\r\n" * 250_000,
    "carriage returns only": b"MVT\rBA117/25.GXWBA.LHR\rAD0831/0844\r" * 3_000,
    "invalid UTF-8": b'<a>\xc3(\xff\xfe</a>{"type":"\xed\xa0\x80","pitr":"1"}\n',
    "gzip": b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff" + b"\xed\xc1\x01\x01" * 10_000,
    "zstd": b"\x28\xb5\x2f\xfd\x04\x00" + b"\x51\x00\x00" * 10_000,
    "HTML": b"<html><body><h1>502 Bad Gateway</h1><hr><center>nginx</center></body></html>",
    "right-to-left and other controls": _CONTROLS.encode(),
    "format strings": b"%s%n{0.__class__}${jndi:ldap://127.0.0.1/a}' OR 1=1 --\n" * 1_000,
}
