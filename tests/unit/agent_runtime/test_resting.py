"""What an episode leaves behind in the phone's switches does not meet the next one."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from agent_runtime.actions import grammar_named
from agent_runtime.agenda import Agenda
from agent_runtime.devices import ShellResult, parsers
from agent_runtime.errors import DeviceError, TaskError
from agent_runtime.policy.scripted import ScriptedPolicy
from agent_runtime.runner import Hooks, RunConfig, Runner
from agent_runtime.tasks.resting import RestingState
from agent_runtime.trajectory import Trajectory, Verdict
from tests.fakes import FakeDevice, fake_task


class Settings(FakeDevice):
    """A device that has settings and nothing else."""

    def __init__(self) -> None:
        super().__init__()
        self.values = {"secure": {"ui_night_mode": "1"}, "system": {"font_scale": "1.0"}, "global": {"wifi_on": "1"}}
        self.broken = False

    def shell(self, args: Sequence[str]) -> ShellResult:
        if self.broken:
            return ShellResult("Error: no service", 1)
        command, verb, namespace, *rest = args
        assert command == "settings"
        if verb == "list":
            return ShellResult("".join(f"{key}={value}\n" for key, value in self.values[namespace].items()), 0)
        self.commands.append(list(args))
        if verb == "put":
            self.values[namespace][rest[0]] = rest[1]
        else:
            del self.values[namespace][rest[0]]
        return ShellResult("", 0)


def test_only_what_changed_is_put_back() -> None:
    device = Settings()
    resting = RestingState(device)
    assert resting.put_back() == ()
    device.values["secure"]["ui_night_mode"] = "2"
    device.values["system"]["sound_effects_enabled"] = "0"  # was not set
    device.values["system"]["some_other_key"] = "7"  # no switch of ours
    device.values["system"]["system_locales"] = "nl-NL"
    assert resting.put_back() == ("Dark theme", "Touch sounds", "Language")
    assert device.commands == [
        ["settings", "put", "secure", "ui_night_mode", "1"],
        ["settings", "delete", "system", "sound_effects_enabled"],
        ["settings", "delete", "system", "system_locales"],
    ]
    assert resting.put_back() == ()


def test_a_refusal_is_a_task_error_and_the_first_state_is_not_lost() -> None:
    device = Settings()
    resting = RestingState(device)
    resting.put_back()
    device.values["secure"]["ui_night_mode"] = "2"
    device.broken = True
    with pytest.raises(TaskError, match="settings list"):
        resting.put_back()
    device.broken = False
    assert resting.put_back() == ("Dark theme",)


def test_it_is_called_before_every_episode_and_its_fault_makes_that_one_void() -> None:
    calls: list[int] = []
    seen: list[Trajectory] = []

    def before_start() -> None:
        calls.append(len(seen))
        if len(calls) == 2:
            raise DeviceError("The cable is out: plug it in.")

    policy = ScriptedPolicy(['{"action":"press","key":"home"}', '{"action":"finish","status":"success"}'] * 3)
    hooks = Hooks(on_episode=seen.append, before_start=before_start)
    agenda = Agenda([], episodes=3, minutes=None)
    Runner(FakeDevice(), policy, grammar_named("json"), lambda rng: fake_task(), agenda, RunConfig("test"), hooks).run()
    assert calls == [0, 1, 2]
    assert [episode.verdict is Verdict.VOID for episode in seen] == [False, True, False]
    assert seen[1].void_reason.startswith("DeviceError: The cable is out")


def test_the_list_is_read_as_android_prints_it() -> None:
    assert parsers.settings_list("a=1\r\nb=x=y\n\nc=\nsecond line of c\n") == {"a": "1", "b": "x=y", "c": ""}
