"""What the full set's browser remembers: tabs, visits, carts, cookies and orders, as rows. Draws nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from urllib.parse import quote, urlsplit

from device_scripts.virtual_phone.sites.base import CartLine, Visit
from device_scripts.virtual_phone.sites.catalogue import offer_of
from device_scripts.virtual_phone.state import PhoneState, Table

TABS = "com.android.browser/tabs"
HISTORY = "com.android.browser/history"
CART = "com.android.browser/cart"
COOKIES = "com.android.browser/cookies"
ORDERS = "com.android.browser/orders"
HOME = "about:home"
_MAX_STEPS = 50
"""Pages a tab can go back to."""
_MAX_TABS = 20
_MAX_VISITS = 500
Row = dict[str, object]


def forget_all(state: PhoneState) -> None:
    """Set everything back to one empty tab."""
    state.tables[TABS] = []
    for path in (HISTORY, CART, COOKIES, ORDERS):
        state.tables[path] = []
    _open_tab(state)


def bare(text: str) -> str:
    """Return a text that stays one value in what `content query` prints, which quotes nothing."""
    return " ".join(text.replace(",", " ").split())


def address(text: str, otherwise: str) -> str:
    """Return the address that is meant by what stands in the address bar, or ``otherwise`` where it is none."""
    if text == HOME:
        return HOME
    bare_text = text.removeprefix("https://").removeprefix("http://")
    host, _, rest = bare_text.partition("/")
    is_host = "." in host.strip(".") and all(part.isalnum() for part in host.replace("-", ".").split("."))
    if not is_host:
        return otherwise
    return f"https://{host.lower().removeprefix('www.')}/{quote(rest, safe='/?&=%+')}"


def url(state: PhoneState) -> str:
    """Return the address the open tab shows."""
    row = _open(state)
    return _urls(row)[_at(row)]


def way_here(state: PhoneState) -> list[str]:
    """Return what the open tab went through, the page it shows first."""
    row = _open(state)
    return _urls(row)[_at(row) :: -1]


def tabs(state: PhoneState, title_of: Callable[[str], str]) -> Table:
    """Return the tabs as a probe sees them."""
    shown = [(row, _urls(row)[_at(row)]) for row in state.tables[TABS]]
    return [
        {"_id": row["_id"], "active": row["active"], "url": here, "title": bare(title_of(here))} for row, here in shown
    ]


def visit_of(state: PhoneState, url: str, typed: Mapping[str, str], dark: bool) -> Visit:
    """Return a visit with what its site remembers."""
    host = urlsplit(url).netloc
    lines = [row for row in state.tables[CART] if row["site"] == host]
    cart = tuple(CartLine(str(row["sku"]), str(row["name"]), int(str(row["count"]))) for row in lines)
    cookies = frozenset(str(row["name"]) for row in state.tables[COOKIES] if row["site"] == host)
    return Visit(url, cart, cookies, typed, dark)


def visit(state: PhoneState, url: str) -> None:
    """Go to an address in the open tab; what could be gone forward to is lost."""
    row = _open(state)
    urls = [*_urls(row)[: _at(row) + 1], url][-_MAX_STEPS:]
    row.update(urls="\n".join(urls), at=len(urls) - 1)
    history = state.tables[HISTORY]
    _add(history, {"url": url, "visited_ms": state.clock_ms})
    del history[:-_MAX_VISITS]


def step(state: PhoneState, by: int) -> bool:
    """Go back or forward in the open tab; False where there is nowhere to go."""
    row = _open(state)
    to = _at(row) + by
    if not 0 <= to < len(_urls(row)):
        return False
    row["at"] = to
    return True


def can_go_forward(state: PhoneState) -> bool:
    """Tell whether the open tab went back before."""
    row = _open(state)
    return _at(row) + 1 < len(_urls(row))


def choose_tab(state: PhoneState, name: str) -> None:
    """Open the tab of that number, a ``new`` one, or ``close`` the one that is open."""
    rows = state.tables[TABS]
    if name == "new":
        if len(rows) < _MAX_TABS:
            _open_tab(state)
        return
    if name == "close":
        rows.remove(_open(state))
        if rows:
            rows[-1]["active"] = 1
        else:
            _open_tab(state)
        return
    for row in rows:
        row["active"] = int(str(row["_id"]) == name)


def do(state: PhoneState, host: str, deed: str) -> None:
    """Do what a button of a shop's page does: ``add:SKU``, ``less:SKU``, ``remove:SKU``, ``buy:SKU``, ``order`` or
    ``keep:COOKIE``. Nothing is paid: an order is a row."""
    verb, _, name = deed.partition(":")
    offer = offer_of(host, name)
    match verb:
        case "add" if offer is not None:
            change_cart(state, host, name, offer.product.name, 1)
        case "less":
            change_cart(state, host, name, "", -1)
        case "remove":
            change_cart(state, host, name, "", None)
        case "keep":
            _add(state.tables[COOKIES], {"site": host, "name": name})
        case "buy" if offer is not None:
            _add(state.tables[ORDERS], {"site": host, "sku": name, "count": 1})
            visit(state, f"https://{host}/thanks")
        case "order":
            cart = state.tables[CART]
            for row in [row for row in cart if row["site"] == host]:
                _add(state.tables[ORDERS], {"site": host, "sku": row["sku"], "count": row["count"]})
                cart.remove(row)
            visit(state, f"https://{host}/thanks")


def change_cart(state: PhoneState, host: str, sku: str, name: str, by: int | None) -> None:
    """Put so many more of a product in a shop's cart, or take all of them out for None."""
    cart = state.tables[CART]
    row = next((row for row in cart if row["site"] == host and row["sku"] == sku), None)
    count = (int(str(row["count"])) if row is not None else 0) + (by or 0)
    if row is None:
        if by is not None and by > 0:
            _add(cart, {"site": host, "sku": sku, "name": name, "count": count})
    elif by is None or count <= 0:
        cart.remove(row)
    else:
        row["count"] = count


def _add(rows: Table, values: Row) -> None:
    highest = max((int(str(row["_id"])) for row in rows), default=0)
    rows.append({"_id": highest + 1, **values})


def _open_tab(state: PhoneState) -> None:
    for row in state.tables[TABS]:
        row["active"] = 0
    _add(state.tables[TABS], {"active": 1, "urls": HOME, "at": 0})


def _open(state: PhoneState) -> Row:
    return next(row for row in state.tables[TABS] if row["active"])


def _urls(row: Row) -> list[str]:
    return str(row["urls"]).split("\n")


def _at(row: Row) -> int:
    return int(str(row["at"]))
