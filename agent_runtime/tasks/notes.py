"""Tasks in the full set's notes: writing, changing, finding, pinning, archiving. Draws none."""

from agent_runtime.tasks.apps import NOTE_WORDS, NOTES_URI
from agent_runtime.tasks.checks import column_is, counts, has, lacks
from agent_runtime.tasks.setups import row
from agent_runtime.tasks.state_task import StateTask

SHOWN_URI = "content://org.example.notes/shown"
ORDER_URI = "content://org.example.notes/order"
NEW_WORDS = ("apples", "honey", "paper", "stamps", "coffee", "candles", "flour", "pencils")
_WORD = {"word": NOTE_WORDS}
_WORD_AND_NEW = {"word": NOTE_WORDS, "new": NEW_WORDS}
_OTHER = {"other": "word"}
_THERE = row(NOTES_URI, text="{word}")
_OTHER_THERE = row(NOTES_URI, text="{other}")

NOTES_TEMPLATES = (
    StateTask(
        *("notes/two", "Write two notes, one saying {word} and one saying {other}", ["Notes"], 8),
        params=_WORD,
        others=_OTHER,
        level=2,
        checks=[has(NOTES_URI, text="{word}"), has(NOTES_URI, text="{other}")],
    ),
    StateTask(
        *("notes/change", "Change the note {word} to {new}", ["Notes"], 7),
        params=_WORD_AND_NEW,
        set_up=[_THERE],
        checks=[has(NOTES_URI, text="{new}"), lacks(NOTES_URI, text="{word}")],
    ),
    StateTask(
        *("notes/append", "Add the word {new} at the end of the note {word}", ["Notes"], 6),
        params=_WORD_AND_NEW,
        set_up=[_THERE],
        checks=[has(NOTES_URI, text="{word} {new}"), lacks(NOTES_URI, text="{word}")],
    ),
    StateTask(
        *("notes/pin", "Pin the note {word}", ["Notes"], 4),
        params=_WORD,
        set_up=[_THERE],
        checks=[column_is(NOTES_URI, "text", "{word}", pinned="1")],
    ),
    StateTask(
        *("notes/unpin", "Unpin the note {word}", ["Notes"], 4),
        params=_WORD,
        others=_OTHER,
        set_up=[row(NOTES_URI, text="{word}", pinned=1), row(NOTES_URI, text="{other}", pinned=1)],
        checks=[column_is(NOTES_URI, "text", "{other}", pinned="1"), has(NOTES_URI, text="{word}")],
    ),
    StateTask(
        *("notes/archive", "Archive the note {word}", ["Notes"], 4),
        params=_WORD,
        set_up=[_THERE],
        checks=[column_is(NOTES_URI, "text", "{word}", archived="1")],
    ),
    StateTask(
        *("notes/restore", "Bring the note {word} back from the archive", ["Notes"], 5),
        params=_WORD,
        others=_OTHER,
        set_up=[row(NOTES_URI, text="{word}", archived=1), row(NOTES_URI, text="{other}", archived=1)],
        checks=[column_is(NOTES_URI, "text", "{other}", archived="1"), has(NOTES_URI, text="{word}")],
    ),
    StateTask(
        *("notes/copy", "Make a copy of the note {word}", ["Notes"], 4),
        params=_WORD,
        set_up=[_THERE],
        checks=[counts(NOTES_URI, "2", text="{word}")],
    ),
    StateTask(
        *("notes/open", "Open the note that begins with {word}", ["Notes"], 3),
        params=_WORD_AND_NEW,
        set_up=[row(NOTES_URI, text="{word} and {new}")],
        checks=[has(SHOWN_URI, text="{word} and {new}")],
    ),
    StateTask(
        *("notes/sort", "Sort the notes by name", ["Notes"], 3),
        checks=[has(ORDER_URI, by="name")],
    ),
    StateTask(
        *("notes/replace", "Delete the note {word} and write a note saying {new}", ["Notes"], 8),
        params=_WORD_AND_NEW,
        set_up=[_THERE],
        level=2,
        checks=[has(NOTES_URI, text="{new}"), lacks(NOTES_URI, text="{word}"), counts(NOTES_URI, "3")],
    ),
    StateTask(
        *("notes/delete-two", "Delete the notes {word} and {other}", ["Notes"], 8),
        params=_WORD,
        others=_OTHER,
        set_up=[_THERE, _OTHER_THERE],
        level=2,
        checks=[lacks(NOTES_URI, text="{word}"), lacks(NOTES_URI, text="{other}"), counts(NOTES_URI, "2")],
    ),
    StateTask(
        *("notes/pin-and-archive", "Pin the note {word} and archive the note {other}", ["Notes"], 7),
        params=_WORD,
        others=_OTHER,
        set_up=[_THERE, _OTHER_THERE],
        level=2,
        checks=[
            column_is(NOTES_URI, "text", "{word}", pinned="1"),
            column_is(NOTES_URI, "text", "{other}", archived="1"),
        ],
    ),
    StateTask(
        *("notes/copy-and-change", "Copy the note {word} and change the copy to {new}", ["Notes"], 9),
        params=_WORD_AND_NEW,
        set_up=[_THERE],
        level=2,
        checks=[counts(NOTES_URI, "1", text="{word}"), counts(NOTES_URI, "1", text="{new}")],
    ),
    StateTask(
        *("notes/write-and-pin", "Write a note saying {word} and pin it", ["Notes"], 7),
        params=_WORD,
        level=2,
        checks=[column_is(NOTES_URI, "text", "{word}", pinned="1")],
    ),
)
