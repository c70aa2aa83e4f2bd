"""From a look to the picture a policy sees."""

import io

import pytest
from PIL import Image

from agent_runtime.devices import Frame
from agent_runtime.errors import BadFrameError
from agent_runtime.observe import screenshot_of
from tests.fakes import FakeDevice, frame


def test_the_screens_own_size_keeps_every_pixel() -> None:
    pixels = bytes((10, 20, 30, 0)) * 4  # an alpha of 0 means nothing on a screen
    shot = screenshot_of(Frame(pixels, 2, 2), None)
    picture = Image.open(io.BytesIO(shot.png))
    assert (picture.mode, picture.size) == ("RGB", (2, 2))
    assert picture.tobytes() == bytes((10, 20, 30)) * 4


def test_resizing_gives_the_size_asked_for_and_remembers_the_screens() -> None:
    shot = screenshot_of(frame(200, (108, 240)), (54, 120))
    assert (shot.width_px, shot.height_px, shot.device_width_px, shot.device_height_px) == (54, 120, 108, 240)
    picture = Image.open(io.BytesIO(shot.png))
    assert picture.size == (54, 120)
    assert picture.getextrema() == ((200, 200),) * 3  # one shade stays that shade


def test_the_same_frame_gives_the_same_bytes() -> None:
    assert screenshot_of(frame(7), (4, 8)) == screenshot_of(frame(7), (4, 8))


@pytest.mark.parametrize("size", [(2, 3), (0, 0), (4, 4)])
def test_a_frame_of_the_wrong_length_is_refused(size: tuple[int, int]) -> None:
    with pytest.raises(BadFrameError, match="look again"):
        Frame(bytes(16), *size)  # 16 bytes are 2x2 pixels


def test_settled_is_two_equal_frames_in_a_row() -> None:
    device = FakeDevice([frame(1), frame(2), frame(3), frame(3)])
    assert device.observe_settled(60) == frame(3)
    assert device.looks == 4


def test_a_screen_that_is_at_rest_costs_two_looks() -> None:
    device = FakeDevice([frame(1)])
    device.observe_settled(60)
    assert device.looks == 2


def test_at_the_deadline_the_last_frame_is_taken() -> None:
    device = FakeDevice([frame(1), frame(2)])
    assert device.observe_settled(0) == frame(1)
