"""Versions wait for the loop; a bad one changes nothing."""

import threading

from coso.v1 import policy_pb2

from agent_runtime.adapter_inbox import AdapterInbox
from agent_runtime.errors import AdapterError


class FakeSlot:
    def __init__(self) -> None:
        self.version = 0

    def admit(self, manifest: policy_pb2.AdapterManifest) -> None:
        """Admit every one."""

    def stage(self, manifest: policy_pb2.AdapterManifest, payload: bytes) -> int:
        if payload == b"bad":
            raise AdapterError("Got a bad one.")
        if manifest.parent_version != self.version:
            raise AdapterError("Got a version of another parent.")
        return manifest.version

    def apply(self, staged: int) -> None:
        if staged == 13:
            raise AdapterError("Too late.")
        self.version = staged


def manifest(version: int) -> policy_pb2.AdapterManifest:
    return policy_pb2.AdapterManifest(version=version, parent_version=version - 1)


def test_a_version_is_applied_only_between_decisions() -> None:
    slot = FakeSlot()
    inbox = AdapterInbox(slot)
    inbox.receive(manifest(1), b"")
    assert slot.version == 0
    assert inbox.wait_for_version(0)
    inbox.apply_waiting()
    inbox.apply_waiting()
    assert (slot.version, inbox.version(), inbox.applied) == (1, 1, 1)
    assert not inbox.wait_for_version(0)


def test_the_next_version_is_not_verified_before_its_parent_is_in_place() -> None:
    slot = FakeSlot()
    inbox = AdapterInbox(slot)
    inbox.receive(manifest(1), b"")
    thread = threading.Thread(target=inbox.receive, args=(manifest(2), b""))
    thread.start()
    inbox.apply_waiting()
    assert inbox.wait_for_version(30)
    inbox.apply_waiting()
    thread.join(30)
    assert (slot.version, inbox.applied, inbox.refused) == (2, 2, 0)


def test_a_bad_version_is_counted_and_the_one_in_use_stays() -> None:
    slot = FakeSlot()
    inbox = AdapterInbox(slot)
    inbox.receive(manifest(1), b"bad")
    inbox.apply_waiting()
    assert (slot.version, inbox.refused) == (0, 1)


def test_a_version_that_cannot_be_applied_is_counted() -> None:
    slot = FakeSlot()
    slot.version = 12
    inbox = AdapterInbox(slot)
    inbox.receive(manifest(13), b"")
    inbox.apply_waiting()
    assert (slot.version, inbox.applied, inbox.refused) == (12, 0, 1)


def test_closing_lets_the_uplinks_thread_go() -> None:
    inbox = AdapterInbox(FakeSlot())
    inbox.receive(manifest(1), b"")
    thread = threading.Thread(target=inbox.receive, args=(manifest(2), b""))
    thread.start()
    inbox.close()
    thread.join(30)
    assert not thread.is_alive()
