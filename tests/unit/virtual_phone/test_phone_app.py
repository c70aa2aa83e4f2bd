"""The phone app: dialling, the log as Android's provider has it, contacts' names, links, an incoming call."""

from __future__ import annotations

import pytest

from device_scripts.virtual_phone.faulty_phone import FaultyPhone
from device_scripts.virtual_phone.phone import KEY_BACK, Phone
from tests.unit.virtual_phone.hands import labels, tap

CALLS = "content://call_log/calls"
CALL = "content://com.android.dialer/call"


@pytest.fixture
def phone() -> Phone:
    return Phone(seed=2, apps="full")


def add_contact(phone: Phone, name: str, number: str) -> None:
    phone.content_insert("content://com.android.contacts/raw_contacts", {})
    owner = str(phone.content_query("content://com.android.contacts/raw_contacts")[-1]["_id"])
    for kind, value in (("name", name), ("phone_v2", number)):
        row = {"raw_contact_id": owner, "mimetype": f"vnd.android.cursor.item/{kind}", "data1": value}
        phone.content_insert("content://com.android.contacts/data", row)


def test_a_call_is_dialled_lasts_on_the_virtual_clock_and_is_logged(phone: Phone) -> None:
    phone.start_activity("com.android.dialer")
    tap(phone, *"5551230", "Del", "9", "Call")
    assert [(row["number"], row["state"]) for row in phone.content_query(CALL)] == [("5551239", "dialing")]
    phone.advance(12_000)
    assert phone.content_query(CALL)[0]["state"] == "active"
    tap(phone, "Speaker")
    assert phone.content_query(CALL)[0]["speaker"] == 1
    phone.key(KEY_BACK)
    tap(phone, "Return to call", "End call")
    row = phone.content_query(CALLS)[-1]
    assert (row["number"], row["type"], row["duration"]) == ("5551239", 2, 10)
    assert phone.content_query(CALL) == []


def test_nobody_is_called_without_a_number(phone: Phone) -> None:
    phone.start_activity("com.android.dialer")
    tap(phone, "Call")
    assert phone.content_query(CALL) == []


def test_a_contact_is_called_by_name_and_stands_in_the_log_by_name(phone: Phone) -> None:
    add_contact(phone, "Alice", "5551")
    phone.start_activity("com.android.dialer")
    tap(phone, "Contacts", "Alice", "Call", "End call")
    assert phone.content_query(CALLS)[-1]["name"] == "Alice"
    phone.key(KEY_BACK)
    tap(phone, "Recents")
    assert "Alice" in labels(phone, "entry")
    tap(phone, "Alice", "Delete calls", "Yes")
    assert "5551" not in [row["number"] for row in phone.content_query(CALLS)]
    tap(phone, "Clear call log", "Yes")
    assert phone.content_query(CALLS) == []


def test_a_tel_link_fills_the_keypad(phone: Phone) -> None:
    phone.start_activity("", "tel:12345")
    assert "12345" in labels(phone, "headline")
    tap(phone, "Call")
    assert phone.content_query(CALL)[0]["number"] == "12345"


def test_clearing_the_contacts_provider_puts_the_log_back(phone: Phone) -> None:
    before = phone.content_query(CALLS)
    phone.content_insert(CALLS, {"number": "1", "type": "3"})
    assert phone.content_query(CALLS)[-1]["new"] == 1
    phone.clear_package("com.android.providers.contacts")
    assert phone.content_query(CALLS) == before


@pytest.mark.parametrize(("answer", "kind"), [("Answer", 1), ("Decline", 5)])
def test_an_incoming_call_is_logged_where_there_is_a_log(answer: str, kind: int) -> None:
    phone = FaultyPhone(seed=2, apps="full")
    phone.show("incoming_call")
    tap(phone, answer)
    row = phone.content_query(CALLS)[-1]
    assert (row["number"], row["type"]) == ("555 0100", kind)
    plain = FaultyPhone(seed=2)
    plain.show("incoming_call")
    tap(plain, answer)
    assert "call_log/calls" not in plain.state.tables


def test_a_contact_is_renamed_and_called_from_its_page(phone: Phone) -> None:
    add_contact(phone, "Bruno", "777")
    phone.start_activity("com.android.contacts")
    tap(phone, "Bruno", "Edit", "Name")
    for _ in "Bruno":
        phone.key(67)
    phone.text("Clara")
    tap(phone, "Save")
    names = [row["display_name"] for row in phone.content_query("content://com.android.contacts/contacts")]
    assert "Clara" in names
    assert "Bruno" not in names
    tap(phone, "Call")
    assert phone.foreground() == "com.android.dialer/.DialtactsActivity"
    assert "777" in labels(phone, "headline")


def test_messages_are_found_by_their_words(phone: Phone) -> None:
    for number, body in (("111", "the red boat"), ("111", "see you"), ("222", "a tree")):
        phone.content_insert("content://sms/inbox", {"address": number, "body": body})
    phone.start_activity("com.android.messaging")
    tap(phone, "Search messages")
    phone.text("BOAT")
    assert labels(phone, "entry") == ["111"]
    tap(phone, "111")
    assert phone.foreground() == "com.android.messaging/.ConversationActivity"
