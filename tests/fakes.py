"""Stand-ins for devices, tasks and shells, for tests that need no phone. Holds no tests."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable, Sequence

from agent_runtime.actions import Action, Finish, Malformed
from agent_runtime.devices import Device, Frame, ShellResult
from agent_runtime.errors import DeviceError
from agent_runtime.tasks import Task, TaskTemplate

SIZE_PX = (8, 16)


def frame(shade: int, size_px: tuple[int, int] = SIZE_PX) -> Frame:
    """Return a frame of one shade of grey."""
    return Frame(bytes((shade, shade, shade, 255)) * (size_px[0] * size_px[1]), *size_px)


class FakeDevice(Device):
    """Shows `frames` one after another (the last one stays), remembers actions, fails where told to."""

    def __init__(self, frames: Sequence[Frame] = (), fails_at_action: int | None = None) -> None:
        self.serial = "fake-1"
        self.frames = list(frames) or [frame(0)]
        self.looks = 0
        self.actions: list[Action] = []
        self.commands: list[list[str]] = []
        self.fails_at_action = fails_at_action

    def screen_size_px(self) -> tuple[int, int]:
        return self.frames[0].width_px, self.frames[0].height_px

    def observe(self) -> Frame:
        shown = self.frames[min(self.looks, len(self.frames) - 1)]
        self.looks += 1
        return shown

    def perform(self, action: Action) -> None:
        if isinstance(action, Finish | Malformed):
            return
        if self.fails_at_action == len(self.actions):
            raise DeviceError("The cable is out: plug it in.")
        self.actions.append(action)

    def shell(self, args: Sequence[str]) -> ShellResult:
        self.commands.append(list(args))
        return ShellResult("", 0)

    def close(self) -> None:
        pass


class FakeTemplate(TaskTemplate):
    """A task whose state is reached once the device has carried out `actions_needed` actions."""

    name = "fake/act"
    goal_template = "Act on {thing}"
    param_space = {"thing": ("a", "b", "c", "d")}  # noqa: RUF012
    apps = ("Fake",)
    split_param = "thing"
    splits_by_instance_only = True
    optimal_steps = 2

    def __init__(self, actions_needed: int = 1, set_up_fails: Exception | None = None) -> None:
        self.actions_needed = actions_needed
        self.set_up_fails = set_up_fails

    def prepare(self, device: Device, params: dict[str, str]) -> list[Sequence[str]]:
        if self.set_up_fails is not None:
            raise self.set_up_fails
        return [["undo"]]

    def reached(self, device: Device, params: dict[str, str]) -> bool:
        assert isinstance(device, FakeDevice)
        return len(device.actions) >= self.actions_needed


def fake_task(actions_needed: int = 1, set_up_fails: Exception | None = None) -> Task:
    """Return the fake template's task about `a`; its limit is 2 · 2 + 2 = 6 steps."""
    return FakeTemplate(actions_needed, set_up_fails).task({"thing": "a"})


class FakeShell:
    """The device's end of shell streams: `answer(command)` gives the output and exit status, or None to hang up."""

    def __init__(self, answer: Callable[[str], tuple[bytes, int] | None], refuses: tuple[str, ...] = ()) -> None:
        self.answer = answer
        self.refuses = refuses
        self.services: list[str] = []
        self.commands: list[str] = []

    def connect(self, service: str) -> socket.socket:
        """Open a stream; a service in `refuses` is refused."""
        self.services.append(service)
        if service in self.refuses:
            raise DeviceError("closed")
        ours, theirs = socket.socketpair()
        one_line = None if service == "exec:sh" else service.removeprefix("exec:")
        threading.Thread(target=self._serve, args=(theirs, one_line), daemon=True).start()
        return ours

    def _serve(self, stream: socket.socket, one_line: str | None) -> None:
        with stream, stream.makefile("rb") as lines:
            for line in [one_line] if one_line is not None else (raw.decode().rstrip("\n") for raw in lines):
                found = re.fullmatch(r"(?:(.*); )?echo (\w+) \$\?", line)
                assert found, line
                command, token = found[1], found[2]
                if command is None:
                    stream.sendall(f"{token} 0\n".encode())
                    continue
                self.commands.append(command)
                answer = self.answer(command)
                if answer is None:
                    return
                stream.sendall(answer[0] + f"{token} {answer[1]}\n".encode())
