"""A phone's choice of apps with the launcher that shows them, and finding an app among them. Holds no screen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from device_scripts.virtual_phone.apps.base import App


@dataclass(frozen=True, slots=True)
class AppSet:
    """The apps a phone has. ``launcher`` is its home screen and no member of ``apps``."""

    name: str
    launcher: App
    apps: tuple[App, ...]

    def __iter__(self) -> Iterator[App]:
        """Yield the launcher, then the apps."""
        yield self.launcher
        yield from self.apps

    def there(self, installed: Sequence[str]) -> list[App]:
        """Return the launcher, the apps, and those that an app offers and that are installed, by package."""
        offered = [app for one in self.apps for app in one.offers if app.package in installed] if installed else []
        return [*self, *offered]

    def app(self, package: str, installed: Sequence[str] = ()) -> App | None:
        """Return the app of that package, None where the phone has none."""
        return next((app for app in self.there(installed) if app.package == package), None)

    def offered(self, package: str) -> App | None:
        """Return the app of that package that can be installed, None where none is offered."""
        return next((app for one in self.apps for app in one.offers if app.package == package), None)

    def packages(self) -> set[str]:
        """Return the packages of the apps and of their data."""
        return {name for app in self for name in (app.package, app.provider_package) if name}
