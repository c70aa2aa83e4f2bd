"""The page's address: loopback only, and only this machine's names."""

from __future__ import annotations

import socket

import pytest

from tuner.errors import ConfigError
from tuner.page.address import is_local_name, page_socket, url_of


@pytest.mark.parametrize("listen", ["0.0.0.0:0", "192.0.2.1:8080", "[::]:8080", "[2001:db8::1]:80"])
def test_an_address_that_others_reach_is_refused_without_tls(listen: str) -> None:
    with pytest.raises(ConfigError, match="without --tls") as caught:
        page_socket(listen)
    assert str(caught.value).startswith(f"Got {listen} for the page without --tls, expected")


@pytest.mark.parametrize("listen", ["", ":8080", "127.0.0.1", "127.0.0.1:65536", "127.0.0.1:http", "example.org:80"])
def test_what_is_no_address_is_refused(listen: str) -> None:
    with pytest.raises(ConfigError, match="for the page, expected"):
        page_socket(listen)


@pytest.mark.parametrize("listen", ["localhost:0", "127.0.0.1:0", "127.0.0.9:0"])
def test_a_loopback_address_is_taken(listen: str) -> None:
    with page_socket(listen) as listening:
        host, port = listening.getsockname()
        assert url_of(listening) == f"http://{host}:{port}/"
        assert host.startswith("127.")


def test_a_port_in_use_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        listen = f"127.0.0.1:{holder.getsockname()[1]}"
        with pytest.raises(ConfigError, match=f"Got {listen} for the page, expected a free port"):
            page_socket(listen)


@pytest.mark.parametrize(
    ("header", "is_local"),
    [
        ("127.0.0.1:8080", True),
        ("localhost", True),
        ("LOCALHOST:1", True),
        ("[::1]:8080", True),
        ("[::1]", True),
        ("127.0.0.2:80", True),
        ("", False),
        ("evil.example", False),
        ("127.0.0.1.evil.example:8080", False),
        ("localhost.evil.example", False),
        ("192.0.2.1:8080", False),
    ],
)
def test_only_names_of_this_machine_are_known(header: str, is_local: bool) -> None:
    assert is_local_name(header) is is_local
