"""A phone's choice of apps with the launcher that shows them, and finding an app among them. Holds no screen."""

from __future__ import annotations

from collections.abc import Iterator
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

    def app(self, package: str) -> App | None:
        """Return the app of that package, None where the set has none."""
        return next((app for app in self if app.package == package), None)

    def packages(self) -> set[str]:
        """Return the packages of the apps and of their data."""
        return {name for app in self for name in (app.package, app.provider_package) if name}
