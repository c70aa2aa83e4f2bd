"""What the full set's apps do beyond the plain way: notes, files, pictures, places, songs, cities, the store."""

from __future__ import annotations

import pytest

from device_scripts.virtual_phone.phone import Phone

DOWNLOAD = "/storage/emulated/0/Download"
DOCUMENTS = "/storage/emulated/0/Documents"
NOTES = "content://org.example.notes/notes"


@pytest.fixture
def phone() -> Phone:
    return Phone(seed=1, apps="full")


def labels(phone: Phone) -> list[str]:
    return [node.label for node in phone.nodes()]


def taps(phone: Phone, *wanted: str) -> None:
    for label in wanted:
        left, top, right, bottom = [node for node in phone.nodes() if node.label == label][-1].bounds
        phone.tap((left + right) // 2, (top + bottom) // 2)


def notes(phone: Phone, *texts: str) -> None:
    """Open the notes app with exactly these notes."""
    phone.content_delete(NOTES)
    for text in texts:
        phone.content_insert(NOTES, {"text": text})
    phone.start_activity("org.example.notes")


def listed(phone: Phone) -> list[str]:
    """Return the rows of the list on the screen."""
    return [node.label for node in phone.nodes() if node.role in ("row", "entry")]


def test_pinned_notes_come_first_also_when_sorted(phone: Phone) -> None:
    notes(phone, "pear", "apple", "fig")
    taps(phone, "fig", "Pin")
    phone.key(4)
    assert listed(phone) == ["fig", "pear", "apple"]
    taps(phone, "Sort by name")
    assert listed(phone) == ["fig", "apple", "pear"]
    taps(phone, "Sort by age")
    assert listed(phone) == ["fig", "pear", "apple"]


def test_the_search_finds_notes_by_any_part_and_only_those_of_the_tab(phone: Phone) -> None:
    notes(phone, "red apple", "pear", "green apple")
    taps(phone, "red apple", "Archive")
    phone.key(4)
    taps(phone, "Search")
    phone.text("APPLE")
    assert listed(phone) == ["green apple"]
    taps(phone, "Archive")
    assert listed(phone) == ["red apple"]


def test_a_changed_note_keeps_its_place_and_an_empty_change_is_none(phone: Phone) -> None:
    notes(phone, "pear", "fig")
    taps(phone, "pear", "Edit", "Clear", "Save")
    assert [row["text"] for row in phone.content_query(NOTES)] == ["pear", "fig"]
    taps(phone, "Edit", "Clear")
    phone.text("plum")
    taps(phone, "Save")
    assert [row["text"] for row in phone.content_query(NOTES)] == ["plum", "fig"]
    assert "plum" in labels(phone)


def test_the_basic_set_keeps_its_plain_notes() -> None:
    phone = Phone(seed=1)
    phone.start_activity("org.example.notes")
    assert "Sort by name" not in labels(phone)
    assert {key for row in phone.content_query(NOTES) for key in row} == {"_id", "text"}


def test_a_file_is_not_moved_onto_another_one(phone: Phone) -> None:
    phone.files.write(f"{DOWNLOAD}/a.txt", b"new", now_sec=0)
    phone.files.write(f"{DOCUMENTS}/a.txt", b"old", now_sec=0)
    phone.start_activity("com.android.documentsui")
    taps(phone, "Download", "a.txt", "Move", "Documents", "Here")
    assert "File exists" in labels(phone)
    assert phone.files.read(f"{DOCUMENTS}/a.txt") == b"old"
    assert phone.files.find(f"{DOWNLOAD}/a.txt") is not None


def test_a_file_that_went_away_meanwhile_is_not_copied(phone: Phone) -> None:
    phone.files.write(f"{DOWNLOAD}/a.txt", b"new", now_sec=0)
    phone.start_activity("com.android.documentsui")
    taps(phone, "Download", "a.txt", "Copy", "Documents")
    phone.files.remove(f"{DOWNLOAD}/a.txt")
    taps(phone, "Here")
    assert "No such file or directory" in labels(phone)
    assert phone.files.find(f"{DOCUMENTS}/a.txt") is None


def test_the_top_folder_can_be_neither_renamed_nor_deleted(phone: Phone) -> None:
    phone.start_activity("com.android.documentsui")
    assert not {"Rename", "Delete"} & set(labels(phone))
    taps(phone, "Download")
    assert {"Rename", "Delete"} <= set(labels(phone))


def test_files_sorted_by_size_are_the_largest_first_below_folders(phone: Phone) -> None:
    for name, size in (("a", 1), ("b", 300), ("c", 20)):
        phone.files.write(f"{DOWNLOAD}/{name}.txt", b"x" * size, now_sec=0)
    phone.files.make_folder(f"{DOWNLOAD}/z", now_sec=0)
    phone.start_activity("com.android.documentsui")
    taps(phone, "Download")
    assert listed(phone) == ["z", "a.txt", "b.txt", "c.txt"]
    phone.swipe(64, 200, 64, 40)
    taps(phone, "Sort by size")
    phone.swipe(64, 40, 64, 200)
    assert listed(phone) == ["z", "b.txt", "c.txt", "a.txt"]


def test_a_place_is_home_until_another_one_is(phone: Phone) -> None:
    for place in ("Town Hall", "Old Mill"):
        phone.start_activity("org.example.maps")
        taps(phone, "Search maps")
        phone.text(place)
        taps(phone, place, "Set home")
        phone.key(4)
    assert [(row["label"], row["place"]) for row in phone.content_query("content://org.example.maps/labels")] == [
        ("home", "Old Mill")
    ]
    taps(phone, "To home")
    assert "To Old Mill" in labels(phone)


def test_an_empty_playlist_offers_nothing_to_play(phone: Phone) -> None:
    phone.start_activity("org.example.music")
    taps(phone, "Playlist")
    assert "Play all" not in labels(phone)


def test_a_rating_is_changed_and_stays_after_the_app_is_gone(phone: Phone) -> None:
    phone.install("org.example.dice")
    phone.start_activity("com.android.vending")
    taps(phone, "Search apps")
    phone.text("Dice")
    taps(phone, "Dice", "2", "5")
    assert "Your rating: 5" in labels(phone)
    phone.uninstall("org.example.dice")
    ratings = phone.content_query("content://com.android.vending/ratings")
    assert [(row["package"], row["stars"]) for row in ratings] == [("org.example.dice", 5)]


def test_what_an_app_kept_is_gone_with_it(phone: Phone) -> None:
    before = phone.state.to_json()
    phone.install("org.example.dice")
    phone.uninstall("org.example.dice")
    assert phone.state.to_json().replace(',"installed":[]', "") == before


def test_flash_and_timer_go_round(phone: Phone) -> None:
    phone.start_activity("com.android.camera2")
    taps(phone, "Flash off", "Flash on", "Flash auto")
    assert {"Flash off", "Timer off"} <= set(labels(phone))
