"""An agent that sees a phone from inside: arms a fault, then does its task come what may. Counts bad pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from agent_runtime.actions import Action, Finish, Key, PressKey, Tap, TypeText, grammar_named
from agent_runtime.devices import Frame
from agent_runtime.observe import screenshot_of
from agent_runtime.policy.scripted import ScriptedPolicy
from agent_runtime.tasks import Task
from agent_runtime.trajectory import Decision
from device_scripts.virtual_phone.device import VirtualDevice
from device_scripts.virtual_phone.faults import Fault, FaultSchedule
from device_scripts.virtual_phone.faulty_phone import FaultyPhone
from device_scripts.virtual_phone.phone import FRAME_MS, Node
from device_scripts.virtual_phone.phone_api import PhoneLike

STRIKES_AT_STEP = 1
TOUCHABLE = ("row", "switch", "icon", "button", "field")


_Result = TypeVar("_Result")


class Scene(Protocol):
    """A phone that is served, by sockets or not: a ``launch.RunningPhone`` or a ``simulated_adb.InProcessPhone``."""

    @property
    def device(self) -> VirtualDevice: ...
    @property
    def phone(self) -> PhoneLike: ...
    def call(self, function: Callable[[], _Result]) -> _Result: ...


class Oracle(ScriptedPolicy):
    """Sees the phone from inside and decides by what is on it; arms the fault, and tells true pictures from bad."""

    def __init__(self, scene: Scene, task: Task, fault: Fault, *, gives_up: bool, arms: bool = True) -> None:
        super().__init__(["{}"])
        self.task = task
        self._scene, self._fault, self._gives_up, self._arms = scene, fault, gives_up, arms
        self._step = 0
        self.bad_frames = 0

    def decide(self, image_png: bytes, prompt: str, *, temperature: float, seed: int) -> Decision:
        nodes, truth = self._scene.call(self._look_inside)
        self.bad_frames += image_png != truth
        action = self._action(nodes)
        if self._gives_up and self._step > STRIKES_AT_STEP:
            action = Finish(True)
        self._step += 1
        digest = super().decide(image_png, prompt, temperature=0, seed=0).adapter_digest
        return Decision(grammar_named("json").render(action), (0,), (0.0,), 0, digest)

    def _look_inside(self) -> tuple[list[Node], bytes]:
        """On the phone's own thread: its elements and its true picture."""
        phone, schedule = phone_of(self._scene), schedule_of(self._scene)
        if self._arms and self._step == STRIKES_AT_STEP:
            schedule.add(self._fault)
        phone.advance(-FRAME_MS)  # the frame below is then as old as the one just seen: its clock shows the same minute
        return phone.nodes(), screenshot_of(Frame(phone.frame_bytes(), *phone.size), None).png

    def _action(self, nodes: Sequence[Node]) -> Action:
        shown = {node.label: node for node in nodes if node.role in TOUCHABLE}
        params = self.task.params
        path = ("Notes", "New") if "word" in params else ("Settings", "System", params["switch"])
        if "word" in params:
            if params["word"] in shown:
                return Finish(True)
            entry = next((node for node in nodes if node.role == "field"), None)
            if entry is not None:
                return self._write(entry, params["word"], shown)
        elif path[-1] in shown and shown[path[-1]].checked == (params["state"] == "on"):
            return Finish(True)
        target = next((shown[label] for label in reversed(path) if label in shown), None)
        return PressKey(Key.HOME) if target is None else self._tap(target)

    def _write(self, entry: Node, word: str, shown: dict[str, Node]) -> Action:
        if entry.text == word:
            return self._tap(shown["Save"]) if "Save" in shown else PressKey(Key.BACK)
        return TypeText(word) if entry.focused else self._tap(entry)

    def _tap(self, node: Node) -> Tap:
        width_px, height_px = self._scene.phone.size
        left, top, right, bottom = node.bounds
        return Tap((left + right) / 2 / width_px, (top + bottom) / 2 / height_px)


def phone_of(scene: Scene) -> FaultyPhone:
    """Return the phone, which can have faults."""
    assert isinstance(scene.phone, FaultyPhone), "faults were asked for"
    return scene.phone


def schedule_of(scene: Scene) -> FaultSchedule:
    """Return its schedule."""
    assert scene.device.faults is not None, "faults were asked for"
    return scene.device.faults
