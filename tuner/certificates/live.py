"""Keeps a serving process's certificate the one that lies in the state folder, renewed ones without a restart.

Asked at every handshake. A pair that is half written, unreadable or over is not taken: the one in use stays.
"""

from __future__ import annotations

import logging
import ssl
import threading
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path

import grpc
from cryptography import x509

from tuner.certificates.authority import is_pair
from tuner.certificates.folder import FOLDER_NAME, SERVER_NAME, ServerFiles, load_server
from tuner.errors import ConfigError

_LOG = logging.getLogger(__name__)
_Stamps = tuple[tuple[int, int, int] | None, ...]


class LiveServer:
    """The tuner's certificate of a state folder; may be asked from any thread."""

    def __init__(self, state: Path, now: Callable[[], datetime] = lambda: datetime.now(timezone.utc)) -> None:
        """Raises ``ConfigError`` where there is no certificate to begin with."""
        self._state = state
        self._now = now
        self._paths = tuple(state / FOLDER_NAME / f"{SERVER_NAME}.{suffix}" for suffix in ("crt", "key"))
        self._lock = threading.Lock()
        self._stamps = self._look()
        self.files: ServerFiles = load_server(state, now())

    def renewed(self) -> ServerFiles | None:
        """Return the certificate where there is another one than at the last call, None where there is none."""
        with self._lock:
            stamps = self._look()
            if stamps == self._stamps:
                return None
            try:
                files = load_server(self._state, self._now())
                if not is_pair(files.own):
                    return None  # half of it is written: the next handshake looks again
            except ConfigError as error:
                _LOG.warning("the renewed certificate is not used: %s", error)
                return None
            self._stamps = stamps
            if files.own == self.files.own:
                return None
            self.files = files
            return files

    def grpc_credentials(self) -> grpc.ServerCredentials:
        """Return credentials that show the certificate in use at each handshake and ask callers for theirs."""

        def fetch() -> grpc.ServerCertificateConfiguration | None:
            files = self.renewed()
            return None if files is None else _configuration(files)

        return grpc.dynamic_ssl_server_credentials(
            _configuration(self.files),
            fetch,  # type: ignore[arg-type]  # the stubs leave out None, which keeps the one in use
            require_client_authentication=True,
        )

    def names(self) -> tuple[str, ...]:
        """Return the hosts the certificate is for."""
        certificate = x509.load_pem_x509_certificate(self.files.own.certificate)
        hosts = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        return tuple(str(host.value).lower() for host in hosts)

    def ssl_context(self) -> ssl.SSLContext:
        """Return a context that shows the certificate in use at each handshake and asks for none."""
        context = self._ssl_context()
        current = [context]

        def at_handshake(connection: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
            if self.renewed() is not None:
                current[0] = self._ssl_context()
            connection.context = current[0]

        context.sni_callback = at_handshake
        return context

    def _ssl_context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate, key = self._paths
        context.load_cert_chain(certificate, key)
        return context

    def _look(self) -> _Stamps:
        return tuple(_stamp(path) for path in self._paths)


def _configuration(files: ServerFiles) -> grpc.ServerCertificateConfiguration:
    return grpc.ssl_server_certificate_configuration(
        [(files.own.key, files.own.certificate)], root_certificates=files.ca_certificate
    )


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino, found.st_size
