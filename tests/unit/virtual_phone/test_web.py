"""The full set's web: what shops list, where typed words lead, what the browser remembers and lets a probe know."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from agent_runtime.devices.parsers import content_rows
from agent_runtime.tasks.shop_carts import ITEMS, sku_of
from agent_runtime.tasks.shop_results import FILTER_SITES, PAGED_SITES
from agent_runtime.tasks.web import PRODUCTS as WANTED
from agent_runtime.tasks.web import SITES
from device_scripts.virtual_phone.apps.web_memory import address
from device_scripts.virtual_phone.device import build_device
from device_scripts.virtual_phone.phone import KEY_BACK, KEY_ENTER, Phone
from device_scripts.virtual_phone.shell.commands import COMMANDS
from device_scripts.virtual_phone.shell.interpreter import Shell, Streams
from device_scripts.virtual_phone.sites import ENGINE, SHOPS, shop_at
from device_scripts.virtual_phone.sites.base import Visit, search_address
from device_scripts.virtual_phone.sites.catalogue import KINDS, offer_of, offers
from device_scripts.virtual_phone.sites.injections import review_against_task, snippet_against_task
from device_scripts.virtual_phone.sites.listing import Listing, listing_for
from device_scripts.virtual_phone.ui.wares import WARES

Rows = Callable[[str], list[dict[str, str]]]


@pytest.fixture
def phone() -> Phone:
    started = Phone(seed=3, apps="full")
    started.start_activity("com.android.browser")
    return started


@pytest.fixture
def rows(phone: Phone) -> Rows:
    """What `content query` says of one of the browser's tables, read as a probe reads it."""
    device = build_device(phone, "emulator-5554")

    def query(path: str) -> list[dict[str, str]]:
        out: list[bytes] = []
        line = f"content query --uri content://com.android.browser/{path}"
        Shell(device, COMMANDS).run_to_end(line, Streams(b"", out.append, out.append))
        return content_rows(b"".join(out).decode())

    return query


def tap(phone: Phone, label: str) -> None:
    left, top, right, bottom = [node for node in phone.nodes() if node.label == label and node.clickable][-1].bounds
    phone.tap((left + right) // 2, (top + bottom) // 2)


def type_address(phone: Phone, text: str) -> None:
    field = min((node for node in phone.nodes() if node.role == "field"), key=lambda node: node.bounds[1])
    phone.tap(field.bounds[0] + 2, field.bounds[1] + 2)
    phone.text(text)
    phone.key(KEY_ENTER)


def labels(phone: Phone) -> list[str]:
    return [node.label for node in phone.nodes()]


def listing(host: str, per_page: int = 10, sponsored: int = 0, **asked: str) -> Listing:
    return listing_for(host, asked, per_page, sponsored)


# --- the shops


def test_what_tasks_name_is_what_the_shops_have() -> None:
    assert tuple(shop.host for shop in SHOPS) == SITES
    assert KINDS == WANTED
    for host in SITES:
        assert len(offers(host)) >= 40
        assert all(offer_of(host, sku_of(item)) for item in ITEMS)
        assert all(offer.product.drawing in WARES for offer in offers(host))


def test_no_two_offers_of_a_kind_cost_the_same_or_are_rated_the_same() -> None:
    for host in SITES:
        for kind in KINDS:
            alike = [offer for offer in offers(host) if offer.product.kind == kind]
            assert len({offer.price_cents for offer in alike}) == len(alike) == 5
            assert len({offer.product.rating_tenths for offer in alike}) == 5


@pytest.mark.parametrize("host", SITES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_listing_holds_every_offer_of_its_kind_once_and_in_order(host: str, kind: str) -> None:
    alike = {offer.product.sku for offer in offers(host) if offer.product.kind == kind}
    for sort, key in (("", None), ("price", 1), ("price-desc", -1)):
        found = [entry for entry in listing(host, 2, 2, q=kind, sort=sort).entries if not entry.sponsored]
        assert {entry.offer.product.sku for entry in found} == alike
        assert [entry.position for entry in found] == list(range(1, len(found) + 1))
        assert [entry.page for entry in found] == [1, 1, 2, 2, 3]
        prices = [entry.offer.price_cents for entry in found]
        assert key is None or prices == sorted(prices, reverse=key < 0)


@pytest.mark.parametrize("kind", KINDS)
def test_sponsored_offers_are_not_what_was_asked_for(kind: str) -> None:
    paid = [entry for entry in listing("vendaro.example", 10, 2, q=kind).entries if entry.sponsored]
    assert len(paid) == 2
    assert all(entry.offer.product.kind != kind for entry in paid)


@pytest.mark.parametrize("host", FILTER_SITES)
def test_filters_leave_what_they_say_and_never_nothing(host: str) -> None:
    for kind in KINDS:
        found = listing(host, q=kind, stars="4").entries
        assert found
        assert all(entry.offer.product.rating_tenths >= 40 for entry in found)
    assert all(entry.offer.price_cents < 3000 for entry in listing(host, q="lamp", max="30").entries)


def test_the_shop_with_pages_has_a_second_one_for_every_kind() -> None:
    shop = shop_at(PAGED_SITES[0])
    assert shop is not None
    for kind in KINDS:
        found = shop.listing(Visit(shop.search_address(kind)))
        assert found is not None
        assert found.pages == 2


@pytest.mark.parametrize("host", SITES)
def test_what_a_page_shows_first_is_what_the_probe_calls_first(phone: Phone, rows: Rows, host: str) -> None:
    phone.start_activity("", f"https://{host}/search?q=tea+pot")
    told = rows("listing")
    tall = Phone(size=(128, 2000), apps="full")
    tall.restore(phone.snapshot())
    tall.state.height_px = 2000
    if host == "stallwood.example":
        tap(tall, "No thanks")
    names = [node.label for node in tall.nodes() if node.role == "panel" and node.clickable]
    assert [name.lower().replace(" ", "-") for name in names] == [row["sku"] for row in told if row["page"] == "1"]
    assert labels(tall).count("Sponsored") == sum(row["position"] == "0" for row in told)


def test_a_broken_page_number_is_the_first_page() -> None:
    for number in ("0", "-1", "x", "99999", "", "²"):
        assert Visit(f"https://quibmart.example/search?q=mouse&page={number}").page == 1


# --- the browser


@pytest.mark.parametrize(
    ("typed", "leads_to"),
    [
        ("quibmart.example", "https://quibmart.example/"),
        ("www.Quibmart.example", "https://quibmart.example/"),
        ("http://hobnook.example/cart", "https://hobnook.example/cart"),
        ("hobnook.example/search?q=a b, url=c", "https://hobnook.example/search?q=a%20b%2C%20url=c"),
        ("about:home", "about:home"),
        ("quibmart", "SEARCH"),
        ("desk lamp", "SEARCH"),
        ("3.5 mm plug", "SEARCH"),
        ("...", "SEARCH"),
        ("https://[", "SEARCH"),
        ("a.b/../c", "https://a.b/../c"),
    ],
)
def test_what_is_typed_is_an_address_or_is_searched_for(typed: str, leads_to: str) -> None:
    assert address(typed, "SEARCH") == leads_to


def test_the_search_engine_leads_to_the_shop_of_that_name_and_to_products() -> None:
    for shop in SHOPS:
        assert ENGINE.results(shop.name)[0].url == f"https://{shop.host}/"
        assert ENGINE.results(shop.host)[0].url == f"https://{shop.host}/"
    places = [result.url for result in ENGINE.results("desk lamp")]
    assert [search_address(host, "desk lamp") for host in SITES] == [url for url in places if "/search" in url]
    assert ENGINE.results("Luvena Ember desk lamp")[0].url.endswith("/item/luvena-ember-desk-lamp")
    assert ENGINE.results("zzz") == []


def test_tabs_go_back_and_forward_on_their_own(phone: Phone, rows: Rows) -> None:
    type_address(phone, "quibmart.example")
    tap(phone, "1")
    tap(phone, "New tab")
    type_address(phone, "hobnook.example")
    tap(phone, "Find")
    assert [row["url"] for row in rows("tabs")] == ["https://quibmart.example/", "https://hobnook.example/find"]
    phone.key(KEY_BACK)
    assert rows("tabs")[1]["url"] == "https://hobnook.example/"
    tap(phone, "...")
    tap(phone, "Forward")
    assert rows("tabs")[1]["url"] == "https://hobnook.example/find"
    other = Phone(seed=9, apps="full")
    other.restore(phone.snapshot())
    assert other.content_query("content://com.android.browser/tabs")[1]["title"] == "Find - Hobnook"
    tap(phone, "2")
    tap(phone, "Close open tab")
    assert [(row["url"], row["active"]) for row in rows("tabs")] == [("https://quibmart.example/", "1")]
    assert [row["url"] for row in rows("history")][-1] == "https://hobnook.example/find"


def test_back_on_the_first_page_leaves_the_browser(phone: Phone) -> None:
    type_address(phone, "quibmart.example")
    phone.key(KEY_BACK)
    assert phone.foreground().startswith("com.android.browser")
    phone.key(KEY_BACK)
    assert phone.foreground().startswith("com.android.launcher3")


def test_a_search_text_cannot_pass_for_another_column(phone: Phone, rows: Rows) -> None:
    for text in ("x, url=https://hobnook.example/", "hobnook.example/search?q=a, active=0"):
        type_address(phone, text)
        (row,) = rows("tabs")
        assert set(row) == {"_id", "active", "url", "title"}
        assert row["active"] == "1"
        assert row["url"] != "https://hobnook.example/"
    phone.start_activity("", "https://vendaro.example/search?q=lamp%20%2C%20position=1%0ARow:%209%20sku=x")
    assert {row["position"] for row in rows("listing")} >= {"0", "1", "2"}
    assert len({row["query"] for row in rows("listing")}) == 1


def test_a_cart_counts_each_shop_for_itself_and_an_order_is_a_row(phone: Phone, rows: Rows) -> None:
    for host in ("quibmart.example", "hobnook.example"):
        phone.start_activity("", f"https://{host}/item/{sku_of(ITEMS[0])}")
        tap(phone, "Add to cart")
    phone.start_activity("", "https://hobnook.example/cart")
    tap(phone, "+")
    assert [(row["site"], row["count"]) for row in rows("cart")] == [
        ("quibmart.example", "1"),
        ("hobnook.example", "2"),
    ]
    tap(phone, "-")
    tap(phone, "-")
    assert [row["site"] for row in rows("cart")] == ["quibmart.example"]
    assert rows("orders") == []
    phone.start_activity("", "https://quibmart.example/checkout")
    tap(phone, next(label for label in labels(phone) if label.startswith("Pay $")))
    assert [(row["site"], row["sku"]) for row in rows("orders")] == [("quibmart.example", sku_of(ITEMS[0]))]
    assert rows("cart") == []


def test_under_a_popup_nothing_can_be_tapped(phone: Phone) -> None:
    phone.start_activity("", "https://stallwood.example/search?q=mouse")
    cards = [node for node in phone.nodes() if node.role == "panel" and node.label.endswith("mouse")]
    assert cards
    assert not any(node.clickable for node in cards)
    tap(phone, "No thanks")
    assert not any(node.role == "dialog" for node in phone.nodes())


def test_some_pages_steer_and_most_do_not() -> None:
    reviews = [review_against_task(host, offer.product.sku) for host in SITES for offer in offers(host)]
    assert 0.2 < sum(review is not None for review in reviews) / len(reviews) < 0.5
    snippets = [snippet_against_task(kind) for kind in KINDS]
    assert 0.2 < sum(snippet is not None for snippet in snippets) / len(snippets) < 0.8


@pytest.mark.parametrize(
    ("size", "density_dpi", "steps"), [((128, 224), 160, 150), ((1080, 2400), 420, 30), ((2400, 1080), 420, 30)]
)
def test_a_random_walk_through_the_web_stays_on_the_screen(size: tuple[int, int], density_dpi: int, steps: int) -> None:
    phone, rng = Phone(size=size, density_dpi=density_dpi, apps="full"), random.Random(1)
    phone.settings_put("system", "font_scale", "1.3")
    phone.start_activity("", "https://findwell.example/search?q=lamp")
    for step in range(steps):
        own = [node for node in phone.nodes() if node.clickable and node.package == "com.android.browser"]
        if not own or step % 15 == 14:
            phone.start_activity("", f"https://{rng.choice(SITES)}/search?q={rng.choice(KINDS).replace(' ', '+')}")
            continue
        left, top, right, bottom = rng.choice(own).bounds
        assert 0 <= left < right <= size[0]
        assert 0 <= top < bottom <= size[1]
        phone.tap((left + right) // 2, (top + bottom) // 2)
        if rng.random() < 0.3:
            phone.text("lamp")
            phone.key(KEY_ENTER)
    assert phone.frame().size == size


def test_a_page_cut_off_by_scrolling_is_drawn_as_the_same_page_moved() -> None:
    phone = Phone(size=(128, 224), apps="full")
    phone.start_activity("", "https://larkbasket.example/search?q=mouse")
    while not phone.settled():
        phone.frame()
    top, bottom = 45, 200  # within the page, away from its edges
    before = phone.frame().crop((0, top, 128, bottom))
    phone.swipe(64, 150, 64, 137)
    after = phone.frame().crop((0, top, 128, bottom))
    assert before.crop((0, 13, 128, bottom - top)).tobytes() == after.crop((0, 0, 128, bottom - top - 13)).tobytes()
