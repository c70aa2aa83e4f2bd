"""Tasks across apps that start from what a contact or a message says. Draws none."""

from agent_runtime.tasks.apps import NOTE_WORDS, NOTES_URI
from agent_runtime.tasks.checks import column_is, file_gone, file_there, has, installed
from agent_runtime.tasks.clock import alarm, alarm_is, times_of
from agent_runtime.tasks.contacts import NAMES, PHONES_URI
from agent_runtime.tasks.contacts import NUMBERS as CONTACT_NUMBERS
from agent_runtime.tasks.maps import PLACES, SAVED_URI
from agent_runtime.tasks.maps import SHOWN_URI as SHOWN_PLACE_URI
from agent_runtime.tasks.messages import NUMBERS, WORDS
from agent_runtime.tasks.multi_app_parts import message, sent
from agent_runtime.tasks.music import PLAYBACK_URI, PLAYING, SONGS
from agent_runtime.tasks.setups import contact, file, no_row, not_installed
from agent_runtime.tasks.state_task import StateTask
from agent_runtime.tasks.store import STORE_APPS, packages_of
from agent_runtime.tasks.stored_files import DOWNLOAD, FILE_NAMES
from agent_runtime.tasks.system import ALARM_TIMES, ALARMS_URI

_FILE = DOWNLOAD + "/{file}.txt"
_OTHER_FILE = DOWNLOAD + "/{other}.txt"
_CONTACT = contact("{name}", "{phone}")

FROM_PEOPLE_TEMPLATES = (
    StateTask(
        *("multi/contact-to-message", "Send the message {word} to {name}", ["Contacts", "Messages"], 11),
        params={"name": NAMES, "number": NUMBERS, "word": WORDS[:4]},
        set_up=[contact("{name}", "{number}")],
        level=2,
        checks=sent("{word}"),
    ),
    StateTask(
        *("multi/contact-passed-on", "Send the number of {name} to {number}", ["Contacts", "Messages"], 11),
        params={"name": NAMES, "number": NUMBERS, "phone": CONTACT_NUMBERS[:4]},
        set_up=[_CONTACT],
        level=2,
        checks=sent("{phone}"),
    ),
    StateTask(
        *("multi/contact-to-note", "Write a note with the number of {name} and no more", ["Contacts", "Notes"], 12),
        params={"name": NAMES, "phone": CONTACT_NUMBERS},
        set_up=[_CONTACT],
        level=2,
        checks=[has(NOTES_URI, text="{phone}")],
    ),
    StateTask(
        *(
            "multi/message-to-contact",
            "Add who wrote last to the contacts as {name}",
            ["Messages", "Contacts"],
            10,
        ),
        params={"name": NAMES, "number": NUMBERS},
        set_up=[message("this is {name}")],
        level=2,
        checks=[column_is(PHONES_URI, "data1", "{number}", display_name="{name}")],
    ),
    StateTask(
        *("multi/message-to-map", "Show the place where {number} wants to meet in Maps", ["Messages", "Maps"], 12),
        params={"place": PLACES, "number": NUMBERS},
        set_up=[message("meet me at {place}")],
        level=2,
        checks=[has(SHOWN_PLACE_URI, place="{place}")],
    ),
    StateTask(
        "multi/save-and-answer",
        "Save the place where {number} wants to meet in Maps, then reply {word}",
        ["Messages", "Maps"],
        18,
        params={"place": PLACES, "number": NUMBERS, "word": WORDS[:4]},
        set_up=[no_row(SAVED_URI), message("meet me at {place}")],
        level=3,
        checks=[column_is(SAVED_URI, "place", "{place}"), *sent("{word}")],
    ),
    StateTask(
        *(
            "multi/message-to-alarm",
            "Turn on the alarm at the time that {number} wrote",
            ["Messages", "Clock"],
            10,
        ),
        params={"time": ALARM_TIMES, "number": NUMBERS},
        others={"other": "time"},
        derived=times_of,
        set_up=[
            *(no_row(ALARMS_URI), alarm("time", 0), alarm("other", 0)),
            message("wake up at {time}"),
        ],
        level=2,
        checks=[
            alarm_is("time", 1),
            alarm_is("other", 0),
        ],
    ),
    StateTask(
        *(
            "multi/message-to-file",
            "Delete the file in Download that {number} asks to",
            ["Messages", "Files"],
            13,
        ),
        params={"file": FILE_NAMES, "number": NUMBERS},
        others={"other": "file"},
        set_up=[message("please delete {file}.txt"), file(_FILE), file(_OTHER_FILE)],
        level=2,
        checks=[file_gone(_FILE), file_there(_OTHER_FILE)],
    ),
    StateTask(
        *("multi/message-to-music", "Play the song that {number} writes of", ["Messages", "Music"], 11),
        params={"song": SONGS, "number": NUMBERS},
        set_up=[message("I love {song}")],
        level=2,
        checks=[has(PLAYBACK_URI, title="{song}", state=PLAYING)],
    ),
    StateTask(
        *("multi/message-to-store", "Install the app that {number} likes", ["Messages", "Store"], 12),
        params={"app": STORE_APPS, "number": NUMBERS},
        derived=packages_of,
        set_up=[not_installed("{app_package}"), message("try {app}")],
        level=2,
        checks=[installed("{app_package}")],
    ),
    StateTask(
        *("multi/message-to-note", "Write down what {number} wrote as a note, word by word", ["Messages", "Notes"], 12),
        params={"word": NOTE_WORDS, "number": NUMBERS},
        set_up=[message("get {word} today")],
        level=2,
        checks=[has(NOTES_URI, text="get {word} today")],
    ),
)
