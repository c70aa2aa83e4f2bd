"""Takes the port the page is to have, elsewhere than on loopback only where there is TLS. Answers nobody."""

from __future__ import annotations

import ipaddress
import os
import re
import socket

from tuner.errors import ConfigError

LOCAL_NAMES = ("localhost", "127.0.0.1", "[::1]")
"""Names a browser may call the page by: another one means that a foreign name was pointed at this machine."""
_HOST_AND_PORT = re.compile(r"(?P<host>\[[^\]]*\]|[^:]+):(?P<port>[0-9]{1,5})")
_LAST_PORT = 65535
_BACKLOG = 32


def page_socket(listen: str, has_tls: bool = False) -> socket.socket:
    """Return a socket that listens on ``host:port``, which is loopback's unless there is TLS; port 0 takes a free one.

    Raises:
        ConfigError: it is no such address, one that others can reach without TLS, or its port is taken.
    """
    host, port = _host_and_port(listen)
    if not host.is_loopback and not has_tls:
        raise ConfigError(
            f"Got {listen} for the page without --tls, expected an address only this machine reaches, such as "
            "127.0.0.1:8080: add --tls, or reach it from elsewhere through ssh -L."
        )
    family = socket.AF_INET6 if host.version == 6 else socket.AF_INET
    try:
        return socket.create_server((str(host), port), family=family, backlog=_BACKLOG)
    except OSError as error:
        why = os.strerror(error.errno or 0)
        raise ConfigError(
            f"Got {listen} for the page, expected a free port of this machine: {why}; choose another."
        ) from error


def url_of(listening: socket.socket, has_tls: bool = False) -> str:
    """Return the address of the page for a browser."""
    host, port = listening.getsockname()[:2]
    scheme = "https" if has_tls else "http"
    return f"{scheme}://[{host}]:{port}/" if ":" in host else f"{scheme}://{host}:{port}/"


def is_loopback_socket(listening: socket.socket) -> bool:
    """Return whether only this machine reaches it."""
    return ipaddress.ip_address(listening.getsockname()[0]).is_loopback


def is_local_name(host_header: str) -> bool:
    """Return whether a request's Host names this machine, whatever the port."""
    name, colon, port = host_header.rpartition(":")
    if not colon or not port.isdigit():
        name = host_header
    if name.lower() in LOCAL_NAMES:
        return True
    try:
        return ipaddress.ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return False


def _host_and_port(listen: str) -> tuple[ipaddress.IPv4Address | ipaddress.IPv6Address, int]:
    found = _HOST_AND_PORT.fullmatch(listen)
    if found is None or int(found["port"]) > _LAST_PORT:
        raise ConfigError(f"Got {listen} for the page, expected host:port such as 127.0.0.1:8080.")
    name = "127.0.0.1" if found["host"] == "localhost" else found["host"].strip("[]")
    try:
        return ipaddress.ip_address(name), int(found["port"])
    except ValueError as error:
        raise ConfigError(f"Got {listen} for the page, expected localhost or an address in figures.") from error
