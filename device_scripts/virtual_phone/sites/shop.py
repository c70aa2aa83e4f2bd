"""What all shops have in common: addresses, search, results, cart and check-out. Holds no shop's own look."""

from __future__ import annotations

from typing import ClassVar

from device_scripts.virtual_phone.sites import shop_pages
from device_scripts.virtual_phone.sites.base import Visit, WebPage, search_address
from device_scripts.virtual_phone.sites.catalogue import DEPARTMENTS, KINDS, PRODUCTS, offer_of
from device_scripts.virtual_phone.sites.listing import FILTERS, SORTS, Entry, Listing, listing_for
from device_scripts.virtual_phone.sites.theme import SiteTheme, indented
from device_scripts.virtual_phone.ui.web import Across, Block, Down, Drawing, Gap, Input, Look, Press, Words
from device_scripts.virtual_phone.ui.widgets import Popup


class Shop:
    """A shop's site. Subclasses say what it is called and override the parts they draw in their own way."""

    host: ClassVar[str]
    name: ClassVar[str]
    about: ClassVar[str]
    colours: ClassVar[SiteTheme]
    dark_colours: ClassVar[SiteTheme | None] = None
    cart_word: ClassVar[str] = "cart"
    per_page: ClassVar[int] = 10
    sponsored: ClassVar[int] = 0

    def page(self, visit: Visit) -> WebPage:
        """See ``Site``."""
        theme = self.theme(visit)
        title, blocks = self.content(visit, theme)
        return WebPage(
            title,
            (self.top(visit, theme), Gap(), indented(Down((*blocks, Gap())))),
            theme.ground,
            self.pinned(visit, theme),
            self.popup(visit, theme),
        )

    def search_address(self, query: str) -> str:
        """See ``Site``."""
        return search_address(self.host, query)

    def theme(self, visit: Visit) -> SiteTheme:
        """Return the colours; few shops have others for the dark."""
        return self.dark_colours if visit.dark and self.dark_colours is not None else self.colours

    def listing(self, visit: Visit) -> Listing | None:
        """Return what a results page lists, None for other pages."""
        return listing_for(self.host, visit.asked, self.per_page, self.sponsored) if visit.path == ("search",) else None

    def link(self, *path: str) -> str:
        """Return the id of what leads to a page of this shop."""
        return f"go:https://{self.host}/{'/'.join(path)}"

    # --- parts that shops draw in their own way

    def top(self, visit: Visit, theme: SiteTheme) -> Block:
        """Return what every page begins with."""
        return Down((self.bar(visit, theme), self.search_field(visit, theme)), Look(fill=theme.bar))

    def pinned(self, visit: Visit, theme: SiteTheme) -> tuple[Block, ...]:
        """Return what stays at the bottom."""
        return ()

    def popup(self, visit: Visit, theme: SiteTheme) -> Popup | None:
        """Return what lies over the page."""
        return None

    def entry(self, entry: Entry, theme: SiteTheme) -> Block:
        """Return one line of results."""
        product = entry.offer.product
        lines: list[Block] = [Words(product.name, theme.text)]
        if entry.sponsored:
            lines.insert(0, Words("Sponsored", theme.quiet))
        lines += [Words(entry.offer.price, theme.link), Words(shop_pages.stars(product), theme.quiet)]
        picture = Drawing(product.drawing, product.tint, product.name)
        return Down((Across((picture, Down(tuple(lines))), (1, 2)),), theme.panel, self.item_link(entry), product.name)

    def results(self, entries: list[Entry], theme: SiteTheme) -> tuple[Block, ...]:
        """Return the lines of results on a page."""
        return tuple(self.entry(entry, theme) for entry in entries)

    def controls(self, listing: Listing, visit: Visit, theme: SiteTheme) -> tuple[Block, ...]:
        """Return what sorts and filters."""
        if "sorting" not in visit.asked:
            chosen = SORTS[listing.sort]
            return (Press(f"go:{visit.with_asked(sorting='1')}", f"Sort: {chosen}", theme.mild),)
        return tuple(
            Press(f"go:{visit.with_asked(sort=sort, sorting='', page='')}", label, theme.mild)
            for sort, label in SORTS.items()
        )

    # --- pieces

    def bar(self, visit: Visit, theme: SiteTheme) -> Block:
        """Return the shop's name beside its cart."""
        count = sum(line.count for line in visit.cart)
        name = Words(self.name, Look(ink=theme.on_bar, size="large"), self.link())
        cart = Words(
            f"{self.cart_word.capitalize()} ({count})", Look(ink=theme.on_bar, align="right"), self.link("cart")
        )
        return Across((name, cart), (3, 2))

    def search_field(self, visit: Visit, theme: SiteTheme) -> Block:
        """Return the search field with its button."""
        hint = visit.asked.get("q", "") if visit.path == ("search",) else ""
        field = Input("q", hint or "Search", visit.typed.get("q", ""), theme.field)
        return Across((field, Press("submit:q", "Go", theme.mild)), (4, 1))

    def item_link(self, entry: Entry) -> str:
        """Return the id of what opens a line of results."""
        return self.link("item", entry.offer.product.sku)

    def filter_buttons(self, visit: Visit, theme: SiteTheme) -> list[Block]:
        """Return a button for each filter, which also takes it back."""
        buttons: list[Block] = []
        for name, (value, label) in FILTERS.items():
            is_on = visit.asked.get(name) == value
            address = visit.with_asked(**{name: "" if is_on else value, "page": ""})
            buttons.append(
                Press(f"go:{address}", f"x {label}" if is_on else label, theme.strong if is_on else theme.mild)
            )
        return buttons

    # --- pages

    def content(self, visit: Visit, theme: SiteTheme) -> tuple[str, tuple[Block, ...]]:
        """Return the title of the page at an address, and what is on it under the top."""
        match visit.path:
            case ():
                return f"{self.name} - home", self.front(theme)
            case ("search",):
                listing = listing_for(self.host, visit.asked, self.per_page, self.sponsored)
                return f"{listing.query} - {self.name}", self._found(listing, visit, theme)
            case ("item", sku) if offer := offer_of(self.host, sku):
                return f"{offer.product.name} - {self.name}", shop_pages.item(self, offer, visit, theme)
            case ("cart",):
                return f"Your {self.cart_word} - {self.name}", shop_pages.cart(self, visit, theme)
            case ("checkout",):
                return f"Check-out - {self.name}", shop_pages.checkout(self, visit, theme)
            case ("thanks",):
                thanks = Words("Thank you. Your order is placed.", theme.heading)
                return f"Order placed - {self.name}", (thanks, Words("Go on shopping", theme.link, self.link()))
        return f"Not found - {self.name}", (Words("There is no such page.", theme.text),)

    def front(self, theme: SiteTheme) -> tuple[Block, ...]:
        """Return what the first page shows: the departments, each with a product that leads to its kind."""
        tiles: list[Block] = [Words(self.about, theme.text), Words("Departments", theme.heading)]
        for department in DEPARTMENTS:
            product = next(product for product in PRODUCTS if product.department == department)
            picture = Drawing(product.drawing, product.tint, department)
            words = Words(department.capitalize(), theme.text)
            link = f"go:{self.search_address(product.kind)}"
            tiles.append(Down((Across((picture, words), (1, 4)),), theme.panel, link, f"Department {department}"))
        return tuple(tiles)

    def _found(self, listing: Listing, visit: Visit, theme: SiteTheme) -> tuple[Block, ...]:
        shown = listing.on_page(visit.page)
        if not shown:
            return Words(f"Nothing found for {listing.query}.", theme.text), *self.suggestions(theme)
        count = sum(not entry.sponsored for entry in listing.entries)
        head = Words(f"{count} results for {listing.query}", theme.quiet)
        return head, *self.controls(listing, visit, theme), *self.results(shown, theme), *_pages(listing, visit, theme)

    def suggestions(self, theme: SiteTheme) -> tuple[Block, ...]:
        """Return links to a few searches."""
        return tuple(Words(kind, theme.link, f"go:{self.search_address(kind)}") for kind in KINDS[:4])


def _pages(listing: Listing, visit: Visit, theme: SiteTheme) -> tuple[Block, ...]:
    """Return what leads to the other pages of results."""
    if listing.pages == 1:
        return ()
    here = visit.page
    numbers = range(1, listing.pages + 1)
    buttons = [
        Press(f"go:{visit.with_asked(page=str(n))}", f"{n}", theme.strong if n == here else theme.mild) for n in numbers
    ]
    if here < listing.pages:
        buttons.append(Press(f"go:{visit.with_asked(page=str(here + 1))}", "Next page", theme.mild))
    return (Across(tuple(buttons), (*(1 for _ in numbers), *((3,) if here < listing.pages else ()))),)
