"""Feeds to connect to: a Firehose over TLS and a web server, both in this process."""

from __future__ import annotations

import datetime as dt
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HOST = "127.0.0.1"
PATIENCE_S = 30.0  # ends a broken test; no sound one waits so long


def certificate(folder: Path) -> tuple[Path, Path]:
    """A self-signed certificate for this machine, and its key, as PEM files."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    names = [x509.IPAddress(ipaddress.ip_address(HOST)), x509.DNSName("localhost")]
    begin = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + dt.timedelta(days=36_500))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    cert_path, key_path = folder / "server.pem", folder / "server.key"
    cert_path.write_bytes(built.public_bytes(serialization.Encoding.PEM))
    key_path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return cert_path, key_path


class FakeFirehose:
    """Answers each connection with the next script of bytes and hangs up; keeps the commands.

    At an empty entry it waits until the client has hung up.
    """

    def __init__(self, cert: tuple[Path, Path], scripts: Sequence[Sequence[bytes]]) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(*cert)
        self._listening = socket.create_server((HOST, 0))
        self._listening.settimeout(PATIENCE_S)
        self._scripts = list(scripts)
        self.port: int = self._listening.getsockname()[1]
        self.commands: list[bytes] = []

    def serve(self) -> None:
        for script in self._scripts:
            with suppress(OSError):
                self._one(script)

    def _one(self, script: Sequence[bytes]) -> None:
        plain, _ = self._listening.accept()
        plain.settimeout(PATIENCE_S)
        with self._context.wrap_socket(plain, server_side=True) as wire:
            command = b""
            while not command.endswith(b"\n") and (found := wire.recv(4096)):
                command += found
            self.commands.append(command)
            for data in script:
                if data:
                    wire.sendall(data)
                else:
                    wire.recv(1)

    def close(self) -> None:
        self._listening.close()


@contextmanager
def firehose(cert: tuple[Path, Path], *scripts: Sequence[bytes]) -> Iterator[FakeFirehose]:
    """A Firehose that plays these scripts, one a connection."""
    server = FakeFirehose(cert, scripts)
    thread = threading.Thread(target=server.serve, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.close()
        thread.join(PATIENCE_S)


Reply = tuple[int, dict[str, str], bytes]


class Web:
    """A web server whose answers a test sets; keeps what it was asked."""

    def __init__(self, answer: Callable[[str, dict[str, str]], Reply]) -> None:
        asked = self.asked = list[tuple[str, dict[str, str]]]()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                headers = {name.lower(): value for name, value in self.headers.items()}
                asked.append((self.path, headers))
                status, own, body = answer(self.path, headers)
                self.send_response(status)
                for name, value in own.items():
                    self.send_header(name, value)
                if "Content-Length" not in own:
                    self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (its parent's name)
                del format, args

        self.server = HTTPServer((HOST, 0), Handler)
        self.url = f"http://{HOST}:{self.server.server_port}"


@contextmanager
def web(answer: Callable[[str, dict[str, str]], Reply]) -> Iterator[Web]:
    """A web server that answers (path, headers) with (status, headers, body)."""
    served = Web(answer)
    thread = threading.Thread(target=served.server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield served
    finally:
        served.server.shutdown()
        thread.join(PATIENCE_S)
        served.server.server_close()
