"""Tasks in the music app: playing, going on, the playlist, shuffle and repeat. Draws none."""

from agent_runtime.devices import Device
from agent_runtime.tasks import probes
from agent_runtime.tasks.base import Command, Params
from agent_runtime.tasks.checks import column_is, counts, has
from agent_runtime.tasks.setups import key_pressed
from agent_runtime.tasks.state_task import Check, SetUp, StateTask

PLAYBACK_URI = "content://org.example.music/playback"
PLAYLIST_URI = "content://org.example.music/playlist"
LIBRARY_URI = "content://media/external/audio/media"
MODES_URI = "content://org.example.music/modes"
PLAYING, PAUSED = "3", "2"
SONGS = (
    *("Slow River", "Night Bus", "Red Kite", "Old Stairs", "Warm Rain", "Glass Sea"),
    *("First Snow", "Long Road", "Tall Grass", "Blue Door", "Low Tide", "Quiet Town"),
)


def _on_playlist(*titles: str) -> SetUp:
    """Put songs on the playlist, in this order."""

    def step(device: Device, words: Params) -> list[Command]:
        numbers = {row.get("title"): int(row["_id"]) for row in probes.rows(device, LIBRARY_URI)}
        for title in titles:
            probes.insert(device, PLAYLIST_URI, {"track_id": numbers[title.format(**words)]})
        return []

    return step


def _plays_song_of_library(place: int) -> Check:
    """Have the song at that place of the library's order playing."""

    def check(device: Device, words: Params) -> bool:
        library = probes.rows(device, LIBRARY_URI)
        playing = [row.get("title") for row in probes.rows(device, PLAYBACK_URI) if row.get("state") == PLAYING]
        return playing == [library[place].get("title")]

    return check


_SONG = {"song": SONGS}
_OTHER = {"other": "song"}
_FIRST_SONG_PLAYS = key_pressed("KEYCODE_MEDIA_PLAY")
_SONG_PLAYS = has(PLAYBACK_URI, title="{song}", state=PLAYING)

MUSIC_TEMPLATES = (
    StateTask(
        *("music/play", "Play the song {song}", ["Music"], 7),
        params=_SONG,
        checks=[_SONG_PLAYS],
    ),
    StateTask(
        *("music/pause", "Pause the music", ["Music"], 7),
        set_up=[_FIRST_SONG_PLAYS],
        checks=[has(PLAYBACK_URI, state=PAUSED)],
    ),
    StateTask(
        *("music/next", "Skip to the next song", ["Music"], 7),
        set_up=[_FIRST_SONG_PLAYS],
        checks=[_plays_song_of_library(1)],
    ),
    StateTask(
        *("music/previous", "Go back to the song before this one", ["Music"], 7),
        set_up=[_FIRST_SONG_PLAYS],
        checks=[_plays_song_of_library(-1)],
    ),
    StateTask(
        *("music/add", "Add {song} to the playlist", ["Music"], 8),
        params=_SONG,
        checks=[column_is(PLAYLIST_URI, "title", "{song}")],
    ),
    StateTask(
        *("music/drop", "Take {song} off the playlist", ["Music"], 8),
        params=_SONG,
        others=_OTHER,
        set_up=[_on_playlist("{song}", "{other}")],
        checks=[column_is(PLAYLIST_URI, "title", "{other}")],
    ),
    StateTask(
        *("music/mode", "Turn on {mode} in the music player", ["Music"], 7),
        params={"mode": ("shuffle", "repeat")},
        derived=lambda words: {"off": "repeat" if words["mode"] == "shuffle" else "shuffle"},
        set_up=[_FIRST_SONG_PLAYS],
        checks=[lambda device, words: has(MODES_URI, **{words["mode"]: "1", words["off"]: "0"})(device, words)],
    ),
    StateTask(
        *("music/empty", "Empty the playlist", ["Music"], 7),
        params=_SONG,
        others=_OTHER,
        set_up=[_on_playlist("{song}", "{other}")],
        checks=[counts(PLAYLIST_URI, "0")],
    ),
    StateTask(
        *("music/play-list", "Play the playlist from its start", ["Music"], 7),
        params=_SONG,
        others=_OTHER,
        set_up=[_on_playlist("{song}", "{other}")],
        checks=[_SONG_PLAYS],
    ),
    StateTask(
        *("music/add-two", "Add {song}, then {other} to the playlist", ["Music"], 14),
        params=_SONG,
        others=_OTHER,
        level=2,
        checks=[column_is(PLAYLIST_URI, "title", "{song}", "{other}")],
    ),
    StateTask(
        *("music/exchange", "Have {other} on the playlist instead of {song}", ["Music"], 14),
        params=_SONG,
        others=_OTHER,
        set_up=[_on_playlist("{song}")],
        level=2,
        checks=[column_is(PLAYLIST_URI, "title", "{other}")],
    ),
    StateTask(
        *("music/repeat-song", "Play {song} and turn on repeat", ["Music"], 8),
        params=_SONG,
        level=2,
        checks=[_SONG_PLAYS, has(MODES_URI, repeat="1", shuffle="0")],
    ),
    StateTask(
        *("music/choose-and-pause", "Choose the song {song}, add it to the playlist and pause it", ["Music"], 9),
        params=_SONG,
        level=3,
        checks=[has(PLAYBACK_URI, title="{song}", state=PAUSED), column_is(PLAYLIST_URI, "title", "{song}")],
    ),
)
