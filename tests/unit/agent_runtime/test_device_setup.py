"""Which devices a run is for, and whether one is there."""

from __future__ import annotations

from typing import Any

import pytest

from agent_runtime import device_setup
from agent_runtime.errors import UsageError


def test_all_are_those_the_server_shows_as_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    states = {"b": "device", "c": "offline", "a": "device"}
    monkeypatch.setattr(device_setup, "server_states", lambda host, port: states)
    everything: Any = type("Options", (), {"devices": (), "adb_server_host": "h", "adb_server_port": 1})
    assert device_setup.chosen_serials(everything) == ["a", "b"]
    assert device_setup.is_there(everything, "a")
    assert not device_setup.is_there(everything, "c")
    states.update(a="offline", b="unauthorized")
    with pytest.raises(UsageError, match=r"shows a \(offline\), b \(unauthorized\), c \(offline\), expected at least"):
        device_setup.chosen_serials(everything)
