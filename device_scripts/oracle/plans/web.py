"""Plans for the suite ``webshop``: searching, choosing, filling carts; what counts is read off the pages."""

from __future__ import annotations

import re
from collections.abc import Iterator

from agent_runtime.actions import Action, Key, PressKey, Swipe, TypeText
from agent_runtime.errors import PolicyError
from agent_runtime.tasks.base import Params
from agent_runtime.tasks.web import SITES
from agent_runtime.tasks.webshop import WEBSHOP_TEMPLATES
from device_scripts.oracle.hands import Element, Hands
from device_scripts.oracle.steps import Plan, Step, app

_PRICE = re.compile(r"\$\d+\.\d\d")
_MAX_SWIPES = 8
_UP = Swipe(0.5, 0.7, 0.5, 0.4)
_FIELDS = dict(zip(SITES, ("Search", "Find", "Search goods", "Search", "Search"), strict=True))
_CARTS = dict(zip(SITES, ("Cart", "Basket", "Bag", "Cart", "Cart"), strict=True))
_ADD = dict(zip(SITES, ("cart", "basket", "bag", "cart", "cart"), strict=True))


def _is_card(part: Element) -> bool:
    return part.is_pressable and part.kind == "View" and bool(part.label)


class Shopper:
    """Knows the shops' pages as a customer does; what is first, cheapest or costs how much it reads off the screen."""

    def __init__(self, hands: Hands) -> None:
        self.hands = hands

    def follow(self, name: str, params: Params) -> Iterator[Action]:
        """Do the task of that name in the browser, which is open."""
        suite, _, what = name.partition("/")
        if suite == "web":
            yield from self._web(what, params)
        elif what == "compare":
            yield from self._compare(params)
        elif what == "cookies":
            yield from self._go("hobnook.example")
            yield from self.press("Reject all")
        elif what in ("remove", "empty"):
            yield from self._go(params["site"])
            yield from self.press(_CARTS[params["site"]])
            yield from self._take_out(params["item"], "all" if what == "empty" else "one")
        else:
            yield from self._go(params["site"])
            yield from self._search(params["site"], params.get("product") or params["item"])
            yield from self._in_shop(what, params)

    def _web(self, what: str, params: Params) -> Iterator[Action]:
        match what:
            case "go":
                yield from self._go(params["site"])
            case "new-tab":
                yield from self.press("1")
                yield from self.press("New tab")
                yield from self._go(params["site"])
            case _:
                yield from self._go(params["product"])
        if what == "follow":
            shop = params["site"].partition(".")[0].capitalize()
            yield from self.press(f"{params['product'].capitalize()} at {shop}")

    def _in_shop(self, what: str, params: Params) -> Iterator[Action]:
        site, item = params["site"], params.get("item", "")
        match what:
            case "search":
                return
            case "sort" | "cheapest":
                yield from self._sort(site, "Lowest price", "Price: low to high")
            case "best-rated":
                yield from self._sort(site, "Best rated", "Best rated")
            case "filter":
                yield from self.press("4 stars and up")
            case "next-page":
                yield from self.press("Next page")
        if what in ("open-first", "add-first", "cheapest", "best-rated"):
            yield from self.open_first()
        if item:
            yield from self._open(item)
        if what in ("add-first", "add-item", "add-two", "check-out"):
            yield from self._add(site)
        if what in ("add-two", "check-out"):
            yield from self.press(f"Go to {_ADD[site]}")
            yield from self.press("+" if what == "add-two" else "Check out")
        if what == "price":
            price = self._prices(item)[0]
            yield PressKey(Key.HOME)
            yield from self.hands.taps("Notes", "New")
            yield TypeText(price)
            yield self.hands.tap("Save")

    def _compare(self, params: Params) -> Iterator[Action]:
        shops, prices = params["shops"].split(" or "), []
        for shop in shops:
            yield from self._go(shop)
            yield from self._search(shop, params["item"])
            while not (shown := self._prices(params["item"])):
                yield _UP
            prices.append(float(shown[0].removeprefix("$")))
        back = prices[0] < prices[1]
        if back:
            yield from self._go(shops[0])
            yield from self._search(shops[0], params["item"])
        yield from self._open(params["item"])
        yield from self._add(shops[0] if back else shops[1])

    def _go(self, where: str) -> Iterator[Action]:
        yield self.hands.touch(self.hands.elements()[self._index_of_address()])
        yield TypeText(where)
        yield PressKey(Key.ENTER)

    def _search(self, site: str, words: str) -> Iterator[Action]:
        if site == "hobnook.example":
            yield from self.press("Find")
        yield from self.press(_FIELDS[site])
        yield TypeText(words)
        yield PressKey(Key.ENTER)
        if any(part.label == "No thanks" for part in self.hands.elements()):
            yield from self.press("No thanks")

    def _sort(self, site: str, link: str, choice: str) -> Iterator[Action]:
        if site == "quibmart.example":
            yield from self.press(link)
            return
        yield from self.press("Sort: Best match")
        yield from self.press(choice)

    def _add(self, site: str) -> Iterator[Action]:
        if any(part.label == "Close" for part in self.hands.elements()):
            yield from self.press("Close")
        yield from self.press(f"Add to {_ADD[site]}")

    def _take_out(self, item: str, how_many: str) -> Iterator[Action]:
        while True:
            parts = self.hands.elements()
            rows = [part for part in parts if part.kind == "View" and not part.is_pressable and not part.label]
            mine = [row for row in rows if any(row.holds(part) and part.label == item for part in parts)]
            buttons = [part for part in parts if part.label == "Remove"]
            chosen = [part for part in buttons if how_many == "all" or any(row.holds(part) for row in mine)]
            if chosen:
                yield self.hands.touch(chosen[0])
                if how_many == "one":
                    return
            elif any("is empty" in part.label for part in parts):
                return
            else:
                yield _UP

    def open_first(self) -> Iterator[Action]:
        """Open the first card that does not say it is sponsored; what it said stays known when it is scrolled off."""
        sponsored: set[str] = set()
        for _ in range(_MAX_SWIPES):
            parts = self.hands.elements()
            cards = [part for part in parts if _is_card(part)]
            paid = [part for part in parts if part.label == "Sponsored"]
            sponsored |= {card.label for card in cards if any(card.holds(part) for part in paid)}
            true = [card for card in cards if card.label not in sponsored]
            if true and self._shows_price(true[0], parts):
                yield self.hands.touch(true[0])
                return
            yield _UP
        raise PolicyError("Got no entry that is not sponsored, expected one: correct the plan.")

    def _open(self, item: str) -> Iterator[Action]:
        for _ in range(_MAX_SWIPES):
            found = [part for part in self.hands.elements() if _is_card(part) and part.label == item]
            if found:
                yield self.hands.touch(found[0])
                return
            yield _UP
        raise PolicyError(f"Got no {item} on the page, expected it: correct the plan.")

    def _shows_price(self, card: Element, parts: list[Element]) -> bool:
        """Whether enough of a card shows to tell that it is not a sponsored one."""
        return any(card.holds(part) and _PRICE.fullmatch(part.label) for part in parts)

    def _prices(self, item: str) -> list[str]:
        """Return the prices in the card of a product, or on its page where there is no card."""
        parts = self.hands.elements()
        cards = [part for part in parts if _is_card(part)]
        prices = [part for part in parts if _PRICE.fullmatch(part.label)]
        if not cards:
            return [price.label for price in prices]
        return [price.label for price in prices if any(card.label == item and card.holds(price) for card in cards)]

    def press(self, label: str) -> Iterator[Action]:
        """Tap on what says this, alone or with a number after it, swiping up first while it does not show."""
        wanted = re.compile(rf"{re.escape(label)}( \(?\d+\)?)?")
        for _ in range(_MAX_SWIPES):
            found = [part for part in self.hands.elements() if part.is_pressable and wanted.fullmatch(part.label)]
            if found:
                yield self.hands.touch(found[-1])
                return
            yield _UP
        raise PolicyError(f"Got no {label} on the page, expected it: correct the plan.")

    def _index_of_address(self) -> int:
        parts = self.hands.elements()
        fields = [number for number, part in enumerate(parts) if part.kind == "EditText"]
        return min(fields, key=lambda number: parts[number].bounds[1])


def shopping(name: str, shopper: type[Shopper] = Shopper) -> Step:
    """Do the task of that name in the open browser, the way of that shopper."""
    return lambda hands, words: shopper(hands).follow(name, words)


WEB_PLANS: dict[str, Plan] = {one.name: [app("Browser"), shopping(one.name)] for one in WEBSHOP_TEMPLATES}
