"""Music: a library, a playlist and a player on virtual time; the next track starts when one is over."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from device_scripts.virtual_phone.apps.avatars import avatar_colour
from device_scripts.virtual_phone.apps.base import App, Host, TableShape
from device_scripts.virtual_phone.errors import PhoneError
from device_scripts.virtual_phone.language import Own, say
from device_scripts.virtual_phone.state import Activity, PhoneState, Table
from device_scripts.virtual_phone.ui.material import Entry
from device_scripts.virtual_phone.ui.widgets import Button, Grid, Label, Screen, SwitchRow, Tab, Tabs, Widget

LIBRARY = "media/external/audio/media"
PLAYBACK = "org.example.music/playback"
PLAYLIST = "org.example.music/playlist"
MODES = "org.example.music/modes"
"""Whether to shuffle and to repeat; only remembered."""
PAUSED, PLAYING = 2, 3
"""As in android.media.session.PlaybackState."""
KEY_PLAY_PAUSE, KEY_STOP, KEY_NEXT, KEY_PREVIOUS, KEY_PLAY, KEY_PAUSE = 85, 86, 87, 88, 126, 127
_TABS = ("Songs", "Playlist")


@dataclass(frozen=True, slots=True)
class Track:
    """A song and how long it is."""

    id: int
    title: str
    artist: str
    seconds: int


TRACKS = {
    number: Track(number, *about)
    for number, about in enumerate(
        (
            ("Slow River", "The Lanterns", 214),
            ("Night Bus", "Paper Boats", 187),
            ("Red Kite", "Ada Moss", 203),
            ("Old Stairs", "The Lanterns", 242),
            ("Warm Rain", "Ada Moss", 176),
            ("Glass Sea", "Nine Bells", 265),
            ("First Snow", "Paper Boats", 198),
            ("Long Road", "Nine Bells", 231),
            ("Tall Grass", "Ivo Lind", 159),
            ("Blue Door", "Ivo Lind", 221),
            ("Low Tide", "Nine Bells", 209),
            ("Quiet Town", "Ada Moss", 193),
        ),
        start=1,
    )
}


class Music(App):
    """Two lists and a player."""

    package = "org.example.music"
    label = "Music"
    glyph = "melody"
    colour = (200, 60, 90)
    activities = (".MusicActivity", ".PlayerActivity")
    tables = (LIBRARY, PLAYBACK, PLAYLIST, MODES)
    insertable: ClassVar[Mapping[str, TableShape]] = {PLAYLIST: TableShape({"track_id": int})}

    def defaults(self, state: PhoneState, rng: random.Random) -> None:
        state.orders["music"] = [str(number) for number in rng.sample(list(TRACKS), len(TRACKS))]
        state.tables[PLAYLIST] = []
        state.tables[MODES] = [{"_id": 1, "shuffle": 0, "repeat": 0}]
        state.tables[PLAYBACK] = [{"track_id": 0, "state": PAUSED, "position_ms": 0, "since_ms": 0}]

    def screen(self, state: PhoneState, activity: Activity) -> Screen:
        track, playing, position_ms = now(state)
        if activity.component.endswith(".PlayerActivity") and track is not None:
            return Screen("Player", self._player(state, track, playing, position_ms), up=True)
        selected = activity.data.get("tab", _TABS[0])
        tabs = Tabs(tuple(Tab(f"tab:{name}", name, name == selected) for name in _TABS))
        numbers = _library(state) if selected == _TABS[0] else _playlist(state)
        rows: tuple[Widget, ...] = tuple(
            Entry(
                f"play:{number}",
                Own(TRACKS[number].title),
                detail=_clock(TRACKS[number].seconds),
                glyph="melody",
                colour=avatar_colour(TRACKS[number].artist),
            )
            for number in numbers
        )
        on: tuple[Widget, ...] = (Button("player", "Now playing"),) if track is not None and playing else ()
        acts = (Grid(2, (Button("play_all", "Play all"), Button("empty", "Empty"))),)
        more = acts if rows and selected == _TABS[1] else ()
        return Screen("Music", (tabs, *on, *more, *(rows or (Label("Nothing here yet"),))))

    def tapped(self, host: Host, activity: Activity, id: str) -> None:
        kind, _, name = id.partition(":")
        state, (track, _, _) = host.state, now(host.state)
        match kind:
            case "tab":
                activity.data["tab"] = name
                activity.scroll_px = 0
            case "play":
                play(state, int(name), 0)
                host.open(self.component(".PlayerActivity"))
            case "play_all":
                play(state, _playlist(state)[0], 0)
            case "empty":
                state.tables[PLAYLIST] = []
            case "shuffle" | "repeat":
                modes = state.tables[MODES][0]
                modes[kind] = 0 if modes[kind] else 1
            case "player":
                host.open(self.component(".PlayerActivity"))
            case "pause" | "resume" | "next" | "previous":
                keys = {"pause": KEY_PAUSE, "resume": KEY_PLAY, "next": KEY_NEXT, "previous": KEY_PREVIOUS}
                self.media_key(host, keys[kind])
            case "keep" if track is not None:
                super().insert(state, PLAYLIST, {"track_id": str(track.id)})
            case "drop" if track is not None:
                state.tables[PLAYLIST] = [row for row in state.tables[PLAYLIST] if row["track_id"] != track.id]

    def media_key(self, host: Host, keycode: int) -> bool:
        """Play, pause or go on; the first song of the library where none was chosen."""
        state = host.state
        track, playing, position_ms = now(state)
        order = _library(state)
        at = track.id if track is not None else order[0]
        step = {KEY_NEXT: 1, KEY_PREVIOUS: -1}.get(keycode)
        if step is not None:
            play(state, order[(order.index(at) + step) % len(order)], 0, playing=playing)
        elif keycode == KEY_STOP:
            play(state, at, 0, playing=False)
        else:
            play(state, at, position_ms, playing=keycode == KEY_PLAY or (keycode == KEY_PLAY_PAUSE and not playing))
        return True

    def query(self, state: PhoneState, path: str) -> Table:
        if path == PLAYLIST:
            return [{**row, "title": TRACKS[int(str(row["track_id"]))].title} for row in state.tables[PLAYLIST]]
        if path == MODES:
            return state.tables[MODES]
        if path == LIBRARY:
            tracks = [TRACKS[number] for number in _library(state)]
            return [
                {"_id": one.id, "title": one.title, "artist": one.artist, "duration": one.seconds * 1000}
                for one in tracks
            ]
        track, playing, position_ms = now(state)
        if track is None:
            return []
        return [
            {"_id": track.id, "title": track.title, "state": PLAYING if playing else PAUSED, "position": position_ms}
        ]

    def insert(self, state: PhoneState, path: str, values: dict[str, str]) -> None:
        if int(values["track_id"]) not in TRACKS:
            raise PhoneError(f"Got the track {values['track_id']}, expected one of the library's: it has none such.")
        super().insert(state, path, values)

    def _player(self, state: PhoneState, track: Track, playing: bool, position_ms: int) -> tuple[Widget, ...]:
        listed = track.id in _playlist(state)
        toggle = Button("pause", "Pause") if playing else Button("resume", "Play")
        return (
            Label(Own(track.title), large=True),
            Label(Own(track.artist)),
            Label(
                say(state, "{position} of {length}", position=_clock(position_ms // 1000), length=_clock(track.seconds))
            ),
            Grid(3, (Button("previous", "Prev", quiet=True), toggle, Button("next", "Next", quiet=True))),
            Button("drop", "Off playlist") if listed else Button("keep", "Add to playlist"),
            *(SwitchRow(mode, mode.capitalize(), bool(state.tables[MODES][0][mode])) for mode in ("shuffle", "repeat")),
        )


def now(state: PhoneState) -> tuple[Track | None, bool, int]:
    """Return the track that is on (None before the first), whether it plays, and its position in milliseconds."""
    row = {key: int(str(value)) for key, value in state.tables[PLAYBACK][0].items()}
    if row["track_id"] == 0:
        return None, False, 0
    playing, order = row["state"] == PLAYING, _library(state)
    position_ms = row["position_ms"] + (state.clock_ms - row["since_ms"] if playing else 0)
    position_ms %= 1000 * sum(track.seconds for track in TRACKS.values())
    at = order.index(row["track_id"])
    while position_ms >= 1000 * TRACKS[order[at]].seconds:
        position_ms -= 1000 * TRACKS[order[at]].seconds
        at = (at + 1) % len(order)
    return TRACKS[order[at]], playing, position_ms


def play(state: PhoneState, number: int, position_ms: int, *, playing: bool = True) -> None:
    """Put a track on, from a position, playing or paused."""
    row = {"track_id": number, "state": PLAYING if playing else PAUSED, "position_ms": position_ms}
    state.tables[PLAYBACK] = [{**row, "since_ms": state.clock_ms}]


def _library(state: PhoneState) -> list[int]:
    return [int(number) for number in state.orders["music"]]


def _playlist(state: PhoneState) -> list[int]:
    return [int(str(row["track_id"])) for row in state.tables[PLAYLIST]]


def _clock(seconds: int) -> str:
    return f"{seconds // 60}:{seconds % 60:02d}"
