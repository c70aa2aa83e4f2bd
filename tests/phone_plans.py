"""How the oracle solves the templates of contacts and messages, one plan each. Holds no tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

from agent_runtime.actions import Action, Swipe, TypeText

NEXT_PAGE = Swipe(0.8, 0.5, 0.2, 0.5)
Params = dict[str, str]


class Hands(Protocol):
    """What a plan may do: find a label, or the text field for None, on the screen as it is, and tap it."""

    def labels(self) -> list[str]: ...
    def tap(self, label: str | None) -> Action: ...
    def taps(self, *labels: str) -> Iterator[Action]: ...


def _open_contacts(hands: Hands, *labels: str) -> Iterator[Action]:
    yield NEXT_PAGE
    yield from hands.taps("Contacts", *labels)


def _add_contact(hands: Hands, params: Params) -> Iterator[Action]:
    yield from _open_contacts(hands, "Add")
    yield TypeText(params["name"])
    yield hands.tap("Number")
    yield TypeText(params["number"])
    yield hands.tap("Save")


def _change_number(hands: Hands, params: Params) -> Iterator[Action]:
    yield from _open_contacts(hands, params["name"], "Edit", "x")
    yield TypeText(params["number"])
    yield hands.tap("Save")


def _star(hands: Hands, params: Params) -> Iterator[Action]:
    yield from _open_contacts(hands, params["name"], "Add star" if params["state"] == "on" else "Remove star")


def _open_messages(hands: Hands, *labels: str) -> Iterator[Action]:
    yield NEXT_PAGE
    yield from hands.taps("Messages", *labels)


def _send(hands: Hands, params: Params) -> Iterator[Action]:
    yield from _open_messages(hands, "New message")
    yield TypeText(params["number"])
    yield hands.tap("Message")
    yield TypeText(params["word"])
    yield hands.tap("Send")


def _reply(hands: Hands, params: Params) -> Iterator[Action]:
    yield from _open_messages(hands, params["number"], "Message")
    yield TypeText(params["word"])
    yield hands.tap("Send")


PLANS: dict[str, Callable[[Hands, Params], Iterator[Action]]] = {
    "contacts/add": _add_contact,
    "contacts/delete": lambda hands, params: _open_contacts(hands, params["name"], "Delete", "Yes"),
    "contacts/number": _change_number,
    "contacts/star": _star,
    "messages/send": _send,
    "messages/reply": _reply,
    "messages/read": lambda hands, params: _open_messages(hands, params["number"]),
    "messages/delete": lambda hands, params: _open_messages(hands, params["number"], "Delete all", "Yes"),
}
