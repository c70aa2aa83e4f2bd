"""Tasks in the music app: playing, pausing, going on, the playlist. Samples nothing."""

from typing import ClassVar

from agent_runtime.devices import Device
from agent_runtime.tasks import probes
from agent_runtime.tasks.base import Command, Params, ParamSpace
from agent_runtime.tasks.more_apps import OPEN_STEPS, CleanAppTask

MUSIC = "org.example.music"
PLAYBACK_URI = f"content://{MUSIC}/playback"
PLAYLIST_URI = f"content://{MUSIC}/playlist"
LIBRARY_URI = "content://media/external/audio/media"
PLAYING, PAUSED = "3", "2"
SONGS = (
    *("Slow River", "Night Bus", "Red Kite", "Old Stairs", "Warm Rain", "Glass Sea"),
    *("First Snow", "Long Road", "Tall Grass", "Blue Door", "Low Tide", "Quiet Town"),
)


class PlaySongTask(CleanAppTask):
    """Have one song playing."""

    name = "music/play"
    goal_template = "Play the song {song}"
    param_space: ClassVar[ParamSpace] = {"song": SONGS}
    split_param = "song"
    package = MUSIC
    optimal_steps = OPEN_STEPS + 5

    def reached(self, device: Device, params: Params) -> bool:
        return any(
            row.get("title") == params["song"] and row.get("state") == PLAYING
            for row in probes.rows(device, PLAYBACK_URI)
        )


class PauseMusicTask(CleanAppTask):
    """Have the music, which plays at the start, paused."""

    name = "music/pause"
    goal_template = "Pause the music"
    param_space: ClassVar[ParamSpace] = {}
    split_param = None
    package = MUSIC
    optimal_steps = OPEN_STEPS + 3

    def prepare(self, device: Device, params: Params) -> list[Command]:
        undo = super().prepare(device, params)
        probes.run(device, ["input", "keyevent", "KEYCODE_MEDIA_PLAY"])
        return undo

    def reached(self, device: Device, params: Params) -> bool:
        return any(row.get("state") == PAUSED for row in probes.rows(device, PLAYBACK_URI))


class NextSongTask(PauseMusicTask):
    """Have the second song of the library playing; the first one does at the start."""

    name = "music/next"
    goal_template = "Skip to the next song"

    def reached(self, device: Device, params: Params) -> bool:
        library = probes.rows(device, LIBRARY_URI)
        playing = [row.get("title") for row in probes.rows(device, PLAYBACK_URI) if row.get("state") == PLAYING]
        return len(library) > 1 and playing == [library[1].get("title")]


class AddToPlaylistTask(CleanAppTask):
    """Have one song, and no other, on the playlist."""

    name = "music/add"
    goal_template = "Add {song} to the playlist"
    param_space: ClassVar[ParamSpace] = {"song": SONGS}
    split_param = "song"
    package = MUSIC
    optimal_steps = OPEN_STEPS + 6

    def reached(self, device: Device, params: Params) -> bool:
        return [row.get("title") for row in probes.rows(device, PLAYLIST_URI)] == [params["song"]]


class DropFromPlaylistTask(CleanAppTask):
    """Have one of two songs gone from the playlist."""

    name = "music/drop"
    goal_template = "Take {song} off the playlist"
    param_space: ClassVar[ParamSpace] = {"song": SONGS}
    split_param = "song"
    package = MUSIC
    optimal_steps = OPEN_STEPS + 4

    def prepare(self, device: Device, params: Params) -> list[Command]:
        undo = super().prepare(device, params)
        other = SONGS[SONGS.index(params["song"]) - 1]
        for row in probes.rows(device, LIBRARY_URI):
            if row.get("title") in (params["song"], other):
                probes.insert(device, PLAYLIST_URI, {"track_id": int(row["_id"])})
        return undo

    def reached(self, device: Device, params: Params) -> bool:
        other = SONGS[SONGS.index(params["song"]) - 1]
        return [row.get("title") for row in probes.rows(device, PLAYLIST_URI)] == [other]
