"""ministack, the other embedded endpoint: several times faster, in an environment of its own.

It pins a botocore that is not ours, so it is never installed beside us. `ministack.lock` lists what
its environment holds, with hashes; it is made on first use, by pip, from the index that the user's
pip is set up for. It loses records when a stream is resharded: use moto to try that.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from pipeline.local.endpoint_server import HOST
from pipeline.settings import state_dir

LOCK = Path(__file__).with_name("ministack.lock")
_INSTALL_S = 600
_SHOWN_LINES = 5


class InstallError(Exception):
    """ministack's environment cannot be made here; says why and what else can be done."""


def place() -> Path:
    """Where its environment lies: one per lock file and Python version."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    digest = hashlib.sha256(LOCK.read_bytes()).hexdigest()[:12]
    return state_dir() / "ministack" / f"python{version}-{digest}"


def _python(folder: Path) -> Path:
    return folder / "bin" / "python"


def installed() -> bool:
    """Whether its environment is there."""
    return _python(place()).exists()


def python() -> str:
    """The interpreter of its environment, which is made now if it is not there.

    Raises InstallError.
    """
    if not installed():
        install(place())
    return str(_python(place()))


def install(folder: Path) -> None:
    """Make its environment in `folder`: whole, or not at all. Raises InstallError."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    making = Path(tempfile.mkdtemp(prefix="making-", dir=folder.parent))
    try:
        venv.create(making, with_pip=True, symlinks=True)
        command = [str(_python(making)), "-m", "pip", "--disable-pip-version-check", "install"]
        command += ["--quiet", "--require-hashes", "--no-deps", "--requirement", str(LOCK)]
        done = subprocess.run(  # noqa: S603  (pip, with arguments we wrote)
            command, capture_output=True, text=True, timeout=_INSTALL_S, check=False
        )
        if done.returncode:
            raise _failed(done.stderr.strip().splitlines())
        # A rename is all or nothing; scripts inside keep the old path and are never called.
        making.rename(folder)
    except (OSError, subprocess.SubprocessError) as error:
        if not _python(folder).exists():  # somebody else may have been quicker
            raise _failed([str(error)]) from error
    finally:
        shutil.rmtree(making, ignore_errors=True)


def _failed(lines: list[str]) -> InstallError:
    said = "\n  ".join(lines[-_SHOWN_LINES:]) or "pip said nothing"
    return InstallError(
        f"ministack cannot be installed:\n  {said}\n"
        "It is optional: leave --backend out to use moto, which needs no installation."
    )


def environment() -> dict[str, str]:
    """What it reads from its environment, besides GATEWAY_PORT: loopback only, nothing extra."""
    return {
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "BIND_HOST": HOST,
        "IOT_MTLS_ENABLED": "0",
        "LOG_LEVEL": "ERROR",
        "PERSIST_STATE": "0",
        "S3_PERSIST": "0",
        "SFTP_ENABLED": "0",
    }
