"""Sets of apps: which a phone has, that it keeps them, and the full set's launcher and contacts."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable

import pytest
from typer.testing import CliRunner

from device_scripts.virtual_phone.apps import APP_SETS
from device_scripts.virtual_phone.cli import app
from device_scripts.virtual_phone.device import build_device
from device_scripts.virtual_phone.phone import KEY_BACK, KEY_ENTER, KEY_HOME, Phone
from device_scripts.virtual_phone.shell.commands import COMMANDS
from device_scripts.virtual_phone.shell.interpreter import Shell, Streams

Sh = Callable[[str], str]


def labels(phone: Phone, role: str) -> list[str]:
    return [node.label for node in phone.nodes() if node.role == role]


def tap(phone: Phone, label: str) -> None:
    left, top, right, bottom = next(node.bounds for node in phone.nodes() if node.label == label)
    phone.tap((left + right) // 2, (top + bottom) // 2)


@pytest.fixture
def phone() -> Phone:
    return Phone(seed=3, apps="full")


@pytest.fixture
def full_sh(phone: Phone) -> Sh:
    device = build_device(phone, "emulator-5554")

    def run(line: str) -> str:
        out: list[bytes] = []
        Shell(device, COMMANDS).run_to_end(line, Streams(b"", out.append, out.append))
        return b"".join(out).decode()

    return run


def test_the_basic_set_is_the_default_and_looks_as_it_did_before_there_were_sets() -> None:
    """The structure of every screen of a random walk, recorded on the last version without sets."""
    digest = hashlib.sha256()
    for seed in range(4):
        walker, rng = Phone(seed=seed), random.Random(seed)
        for _ in range(100):
            bounds = rng.choice([node.bounds for node in walker.nodes() if node.clickable])
            walker.tap((bounds[0] + bounds[2]) // 2, (bounds[1] + bounds[3]) // 2)
            walker.swipe(*(rng.randrange(128) for _ in range(4)))
            digest.update(repr([(node.role, node.text, node.bounds) for node in walker.nodes()]).encode())
    assert walker.app_set is APP_SETS["basic"]
    assert digest.hexdigest() == "e753dcd61a3d738a47a6ea9d0731ad0143010d9cf9cdf03f53eea00d993e2247"


def test_the_set_survives_a_snapshot_restored_on_another_phone(phone: Phone) -> None:
    other = Phone(seed=3)
    other.restore(phone.snapshot())
    assert other.packages() == phone.packages()
    assert "com.android.contacts" in other.packages()


def test_commands_know_the_set(full_sh: Sh) -> None:
    assert "package:com.android.contacts\n" in full_sh("pm list packages")
    assert "Events injected: 1" in full_sh("monkey -p com.android.contacts 1")
    assert "com.android.contacts/.PeopleActivity" in full_sh("dumpsys activity activities")


def test_an_unknown_set_is_refused_in_a_sentence() -> None:
    done = CliRunner().invoke(app, ["--apps", "all"])
    assert (done.exit_code, done.output) == (2, "Got --apps 'all'; give one of basic, full.\n")


def test_pages_turn_by_swipes_and_home_returns_to_the_first(phone: Phone) -> None:
    first = labels(phone, "icon")
    assert first == labels(Phone(seed=3), "icon")
    phone.swipe(100, 100, 20, 100)
    assert "Contacts" in labels(phone, "icon")
    assert labels(phone, "pages")[0].startswith("Page 2 of ")
    tap(phone, "Contacts")
    phone.key(KEY_HOME)
    assert "Contacts" in labels(phone, "icon")
    phone.key(KEY_HOME)
    assert labels(phone, "icon") == first
    phone.swipe(20, 100, 100, 100)
    assert labels(phone, "icon") == first


def test_the_drawer_opens_searches_and_closes(phone: Phone) -> None:
    first = labels(phone, "icon")
    phone.swipe(64, 150, 64, 50)
    top = labels(phone, "icon")
    assert top == sorted(top) != first
    assert "Settings" not in top  # three rows of 62 px from y = 54 end at 240, beyond the bar at 208
    for _ in range(5):  # the eighteenth of the apps by name, in row nine: it ends at 54 + 9 * 62 = 612, 404 too far
        phone.swipe(64, 150, 64, 50)
    assert "Settings" in labels(phone, "icon")
    for _ in range(4):
        phone.swipe(64, 50, 64, 190)
    tap(phone, "Search apps")
    phone.text("Con")
    assert labels(phone, "icon") == ["Contacts"]
    phone.key(KEY_ENTER)
    assert phone.foreground() == "com.android.contacts/.PeopleActivity"
    phone.key(KEY_BACK)
    assert labels(phone, "icon") == first
    for close in (lambda: phone.key(KEY_BACK), lambda: phone.key(KEY_HOME), lambda: phone.swipe(64, 50, 64, 150)):
        phone.swipe(64, 150, 64, 50)
        assert labels(phone, "icon") != first
        close()
        assert labels(phone, "icon") == first


def test_contacts_answer_as_the_provider_does(phone: Phone, full_sh: Sh) -> None:
    contacts = "content query --uri content://com.android.contacts/contacts"
    before = full_sh(contacts)
    full_sh("content insert --uri content://com.android.contacts/raw_contacts --bind account_type:s:local")
    data = "content insert --uri content://com.android.contacts/data --bind raw_contact_id:i:3 --bind"
    full_sh(f"{data} mimetype:s:vnd.android.cursor.item/name --bind data1:s:Alice")
    full_sh(f"{data} mimetype:s:vnd.android.cursor.item/phone_v2 --bind data1:s:0123")
    phones = full_sh("content query --uri content://com.android.contacts/data/phones --projection display_name:data1")
    assert phones.splitlines()[-1] == "Row: 2 display_name=Alice, data1=0123"
    phone.start_activity("com.android.contacts")
    tap(phone, "Alice")
    full_sh("content delete --uri content://com.android.contacts/raw_contacts/3")
    assert phone.foreground() == "com.android.contacts/.PeopleActivity"
    assert full_sh(contacts) == before
    full_sh("am start -n com.android.contacts/.DetailActivity")
    assert "No number" in labels(phone, "text")


def test_a_text_from_the_console_comes_into_the_inbox_and_is_read_by_opening_it(phone: Phone, full_sh: Sh) -> None:
    build_device(phone, "emulator-5554").receive_message("5551", "hello there")
    query = "content query --uri content://sms/inbox --projection address:read:body"
    assert full_sh(query).splitlines()[-1] == "Row: 2 address=5551, read=0, body=hello there"
    phone.start_activity("com.android.messaging")
    tap(phone, "5551")
    assert full_sh(query).splitlines()[-1] == "Row: 2 address=5551, read=1, body=hello there"


def test_every_activity_can_be_started_from_outside_and_tapped_on(phone: Phone) -> None:
    for app_there in phone.app_set:
        for short in app_there.activities:
            phone.start_activity(app_there.component(short))
            fresh = phone.snapshot()
            for node in phone.nodes():
                if node.clickable:
                    left, top, right, bottom = node.bounds
                    phone.tap((left + right) // 2, (top + bottom) // 2)
                    assert phone.nodes()
                    phone.restore(fresh)
