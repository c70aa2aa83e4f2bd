"""The card games' apps: played by taps, read by `content query`, seen at both sizes, nothing hidden let out."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace

import pytest

from device_scripts.virtual_phone.apps.blackjack import BlackjackApp
from device_scripts.virtual_phone.apps.card_apps import CARD_APPS
from device_scripts.virtual_phone.cards import blackjack, points24
from device_scripts.virtual_phone.cards.card import Card
from device_scripts.virtual_phone.device import build_device
from device_scripts.virtual_phone.phone import Node, Phone
from device_scripts.virtual_phone.shell.commands import COMMANDS
from device_scripts.virtual_phone.shell.interpreter import Shell, Streams
from device_scripts.virtual_phone.ui.cards import card_rects
from device_scripts.virtual_phone.ui.theme import metrics_for

SIZES = [((128, 224), 160), ((1080, 2400), 420)]
Sh = Callable[[str], str]


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


def deal(phone: Phone, name: str, number: int) -> None:
    phone.content_insert(f"content://org.example.{name}/game", {"number": str(number)})
    phone.start_activity(f"org.example.{name}")


def node(phone: Phone, label: str) -> Node:
    return next(node for node in phone.nodes() if node.label == label and node.clickable)


def tap(phone: Phone, *labels: str) -> None:
    for label in labels:
        left, top, right, bottom = node(phone, label).bounds
        phone.tap((left + right) // 2, (top + bottom) // 2)


def cards(phone: Phone) -> list[str]:
    return [node.label for node in phone.nodes() if node.role == "card"]


def test_points24_is_played_by_taps_and_told_over_adb(phone: Phone, full_sh: Sh) -> None:
    query = "content query --uri content://org.example.points24/game"
    full_sh("content insert --uri content://org.example.points24/game --bind number:i:7")
    phone.start_activity("org.example.points24")
    hand = points24.start(7).hand
    assert cards(phone) == [card.name for card in hand]
    codes = " ".join(card.code for card in hand)
    assert full_sh(query) == f"Row: 0 _id=1, number=7, hand={codes}, formula=, reward=0, return=0, done=0\n"
    number = str(hand[0].value)
    tap(phone, number, "+", "(")
    assert full_sh(query).endswith(f"formula={number} + (, reward=0, return=0, done=0\n")
    assert [node.label for node in phone.nodes() if node.role == "paragraph"] == [f"{number} + ("]
    tap(phone, "=")
    assert full_sh(query).endswith(f"formula={number} + (, reward=-1, return=-1, done=1\n")
    assert "Wrong: -1" in [node.label for node in phone.nodes()]
    tap(phone, "New game")
    assert "number=8, " in full_sh(query)
    assert "formula=, reward=0, return=0, done=0" in full_sh(query)


def test_number_line_is_played_by_taps(phone: Phone, full_sh: Sh) -> None:
    deal(phone, "numberline", 1)  # target 0, start 5
    tap(phone, *["Left"] * 5)
    row = full_sh("content query --uri content://org.example.numberline/game")
    assert row == "Row: 0 _id=1, number=1, target=0, position=0, moves=5, reward=1, return=1, done=1\n"
    assert "Reached: +1" in [node.label for node in phone.nodes()]


def test_the_dealers_second_card_shows_only_at_the_end(phone: Phone, full_sh: Sh) -> None:
    query = "content query --uri content://org.example.blackjack/game"
    deal(phone, "blackjack", 9)
    game = blackjack.start(9)
    up, hidden = game.dealer
    assert cards(phone)[:2] == [up.name, "face down"]
    assert f"dealer={up.code} ?, " in full_sh(query)
    tap(phone, "Stick")
    assert cards(phone)[:2] == [up.name, hidden.name]
    assert f"dealer={up.code} {hidden.code}" in full_sh(query)


def test_two_hidden_cards_look_the_same() -> None:
    app, game = BlackjackApp(), blackjack.start(9)
    other = replace(game, dealer=(game.dealer[0], Card(1, "spade")))
    assert other.dealer != game.dealer
    assert app.table_top(other) == app.table_top(game)
    assert app.columns(other) == app.columns(game)


def test_a_game_survives_leaving_the_app_and_a_snapshot(phone: Phone) -> None:
    deal(phone, "ezpoints", 4)
    tap(phone, "+")
    other = Phone(seed=8)
    other.restore(phone.snapshot())
    other.force_stop("org.example.ezpoints")
    other.start_activity("org.example.ezpoints")
    assert [node.label for node in other.nodes() if node.role == "paragraph"] == ["+"]
    other.clear_package("org.example.ezpoints")
    assert int(str(other.content_query("content://org.example.ezpoints/game")[0]["number"])) >= 1_000_000


@pytest.mark.parametrize(("size", "density_dpi"), SIZES)
@pytest.mark.parametrize("app", CARD_APPS, ids=lambda app: app.label)
def test_every_game_fits_the_screen_without_scrolling(app: object, size: tuple[int, int], density_dpi: int) -> None:
    phone = Phone(size=size, density_dpi=density_dpi, apps="full")
    package = getattr(app, "package", "")
    phone.start_activity(package)
    boxes = [node.bounds for node in phone.nodes() if node.package == package]
    bar = min(node.bounds[1] for node in phone.nodes() if node.label == "home")
    assert all(0 <= left < right <= size[0] and bottom <= bar for left, _, right, bottom in boxes)
    swiped = [node.bounds for node in phone.nodes()]
    phone.swipe(size[0] // 2, size[1] // 2, size[0] // 2, size[1] // 4)
    assert [node.bounds for node in phone.nodes()] == swiped


@pytest.mark.parametrize("move", ["*", "-", "9"])
def test_no_key_moves_while_the_longest_formula_is_written(phone: Phone, move: str) -> None:
    deal(phone, "points24", 1)
    keys = [node.bounds for node in phone.nodes() if node.role == "cell"]
    for _ in range(21):
        tap(phone, move)
        assert [node.bounds for node in phone.nodes() if node.role == "cell"] == keys
    tap(phone, move)
    assert any(node.label.startswith("Too long: ") for node in phone.nodes())


@pytest.mark.parametrize(("size", "density_dpi"), SIZES)
def test_every_rank_and_suit_looks_different(size: tuple[int, int], density_dpi: int) -> None:
    """The 52 first cards of as many Blackjack hands, cut out of the picture."""
    phone = Phone(size=size, density_dpi=density_dpi, apps="full")
    first = {}
    for number in range(2_000):
        first.setdefault(blackjack.start(number).player[0], number)
    assert len(first) == 52
    pictures = set()
    for number in first.values():
        deal(phone, "blackjack", number)
        at = next(place for place, node in enumerate(phone.nodes()) if node.label == "Player") + 1
        while not phone.settled():
            phone.frame_bytes()
        pictures.add(phone.frame().crop(phone.nodes()[at].bounds).tobytes())
    assert len(pictures) == 52


@pytest.mark.parametrize("count", range(1, 22))
def test_a_fan_of_cards_stays_on_the_screen_and_leaves_each_to_be_seen(count: int) -> None:
    rects = card_rects(count, 128, 0, metrics_for(128, 160, 1.0))
    assert rects[0][0] == 6
    assert rects[-1][2] <= 122
    assert all(right - left >= 4 for left, _, right, _ in rects)
    assert all(before[2] <= after[0] for before, after in itertools.pairwise(rects))
