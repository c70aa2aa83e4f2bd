"""The web that the full set's browser sees: five shops and a search engine. A new site is a file and a line here."""

from device_scripts.virtual_phone.sites.base import Site
from device_scripts.virtual_phone.sites.findwell import Findwell
from device_scripts.virtual_phone.sites.hobnook import Hobnook
from device_scripts.virtual_phone.sites.larkbasket import Larkbasket
from device_scripts.virtual_phone.sites.quibmart import Quibmart
from device_scripts.virtual_phone.sites.shop import Shop
from device_scripts.virtual_phone.sites.stallwood import Stallwood
from device_scripts.virtual_phone.sites.vendaro import Vendaro

SHOPS: tuple[Shop, ...] = (Quibmart(), Vendaro(), Stallwood(), Hobnook(), Larkbasket())
ENGINE = Findwell(SHOPS)
SITES: tuple[Site, ...] = (*SHOPS, ENGINE)


def site_at(host: str) -> Site | None:
    """Return the site of a host, with or without ``www.`` before it; None where there is none."""
    return next((site for site in SITES if site.host == host.lower().removeprefix("www.")), None)


def shop_at(host: str) -> Shop | None:
    """Return the shop of a host, None where there is none."""
    return next((shop for shop in SHOPS if shop.host == host.lower().removeprefix("www.")), None)
