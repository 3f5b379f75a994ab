"""Certificates for tests of TLS, made by the `openssl` command, valid for a day and trusted by nobody.

Refuses to do without the command: a test of TLS that is skipped would look like one that passes.
"""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

COMMAND = "openssl"
KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
DAYS = ("-days", "1")


class CertificateError(RuntimeError):
    """No certificate could be made; the message says what is missing or what `openssl` said."""


@dataclass(frozen=True)
class Identity:
    """A certificate and its private key, as PEM files."""

    certificate: Path
    key: Path


class Authority:
    """A certificate authority; its files and those of the certificates that it signs lie in `directory`."""

    def __init__(self, directory: Path, name: str) -> None:
        self._directory = directory / name
        self._directory.mkdir()
        self._identity = _self_signed(self._directory, name, "keyUsage = critical, keyCertSign, cRLSign")

    @property
    def certificate(self) -> Path:
        """The file for those who trust this authority."""
        return self._identity.certificate

    def sign(self, name: str, *alternative_names: str) -> Identity:
        """Make a certificate for `name`; a server's needs names like `DNS:localhost` or `IP:127.0.0.1`."""
        made = Identity(self._directory / f"{name}.crt", self._directory / f"{name}.key")
        request = self._directory / f"{name}.csr"
        settings = _settings(self._directory, name, _extensions("FALSE", alternative_names))
        _run("req", "-new", "-config", settings, *KEY, "-keyout", made.key, "-out", request)
        authority = ("-CA", self._identity.certificate, "-CAkey", self._identity.key, "-CAcreateserial")
        extensions = ("-extfile", settings, "-extensions", "extensions")
        _run("x509", "-req", "-in", request, *authority, *extensions, *DAYS, "-out", made.certificate)
        return made


def self_signed(directory: Path, name: str, *alternative_names: str) -> Identity:
    """Make a certificate that vouches for itself, as PostgreSQL's manual shows it for a server."""
    return _self_signed(directory, name, *_extensions("TRUE", alternative_names)[1:])


def _self_signed(directory: Path, name: str, *extensions: str) -> Identity:
    made = Identity(directory / f"{name}.crt", directory / f"{name}.key")
    settings = _settings(directory, name, [*_extensions("TRUE", ()), *extensions])
    _run("req", "-x509", "-config", settings, *KEY, *DAYS, "-keyout", made.key, "-out", made.certificate)
    return made


def _extensions(authority: str, alternative_names: tuple[str, ...]) -> list[str]:
    names = [f"subjectAltName = {', '.join(alternative_names)}"] if alternative_names else []
    return [f"basicConstraints = critical, CA:{authority}", *names]


def _settings(directory: Path, name: str, extensions: list[str]) -> Path:
    """A settings file of our own: the system's may add what is not wanted."""
    path = directory / f"{name}.cnf"
    lines = [
        "[req]",
        "prompt = no",
        "distinguished_name = name",
        "x509_extensions = extensions",
        "[name]",
        f"CN = {name}",
        "[extensions]",
        *extensions,
    ]
    path.write_text("\n".join(lines) + "\n")
    return path


def _run(*arguments: str | Path) -> None:
    program = shutil.which(COMMAND)
    if program is None:
        raise CertificateError(f"tests of TLS make their certificates with the command {COMMAND}; install it")
    done = subprocess.run(
        [program, *map(str, arguments)], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise CertificateError(f"{COMMAND} {arguments[0]} failed: {done.stderr.strip()[-1000:]}")
