"""Fixtures for every test: a private adb server and virtual phones. Never touches an adb server it did not start."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from agent_runtime.sessions.trust import FOLDER_VARIABLE
from device_scripts.virtual_phone.launch import RunningPhone, running_phone
from device_scripts.virtual_phone.private_adb import AdbServer, private_adb_server


@pytest.fixture(scope="session")
def adb_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AdbServer]:
    """A real adb server on a free port with a home of its own, which looks for no devices by itself."""
    with private_adb_server(tmp_path_factory.mktemp("adb-home")) as server:
        yield server


@pytest.fixture(scope="session", autouse=True)
def own_lists_of_trust(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Lists of what is trusted that are of these tests alone, for the processes they start, too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(FOLDER_VARIABLE, str(tmp_path_factory.mktemp("trust")))
        yield


@pytest.fixture
def virtual_phone(adb_server: AdbServer) -> Iterator[Callable[..., RunningPhone]]:
    """A factory: `virtual_phone(size=…, seed=…)` serves a phone and returns once the private adb server shows it."""
    with ExitStack() as stack:

        def start(**options: Any) -> RunningPhone:
            running = stack.enter_context(running_phone(adb_server_port=adb_server.port, **options))
            adb_server.wait_for(running.serial)
            return running

        yield start
