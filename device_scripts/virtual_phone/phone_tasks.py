"""Which apps a virtual phone has and which is in front: back stacks, starting, ending, installing. Draws nothing."""

from __future__ import annotations

import random

from device_scripts.virtual_phone.apps import LAUNCHER_PACKAGE, App
from device_scripts.virtual_phone.errors import PhoneError
from device_scripts.virtual_phone.phone_screen import PhoneScreen
from device_scripts.virtual_phone.state import Activity, Task

MAX_LOG_LINES = 500


class PhoneTasks(PhoneScreen):
    """A phone whose apps come to the front and go, the ``Host`` of its apps."""

    def start_activity(self, component_or_package: str, data_uri: str | None = None) -> str:
        """Start an app or one of its activities, or open a link; return the full component.

        Raises:
            PhoneError: no app has that activity, or none opens that link.
        """
        leaving, before = self._current_pixels(), self._place()
        if data_uri is not None:
            self.view(data_uri)
        else:
            package, _, short = component_or_package.partition("/")
            app = self._app(package)
            short = short.removeprefix(package) or app.activities[0]
            if short not in app.activities:
                raise PhoneError(f"Activity class {{{package}/{short}}} does not exist.")
            self._to_front(package)
            if self.state.activity.component != app.component(short):
                self.open(app.component(short))
        self._changed(leaving, before)
        return self.foreground()

    def force_stop(self, package: str) -> None:
        """End an app: its tasks are gone, its data stays."""
        leaving, before = self._current_pixels(), self._place()
        self.state.tasks = [task for task in self.state.tasks if task.package != package or package == LAUNCHER_PACKAGE]
        self._focus_front()
        self._changed(leaving, before)

    def clear_package(self, package: str) -> None:
        """End an app and put its data back to how the phone came."""
        for app in self.app_set:
            if package == (app.provider_package or app.package):
                if app.provider_package:  # who uses a provider ends with it
                    self.force_stop(app.package)
                app.defaults(self.state, random.Random(f"{app.package}/{self.state.seed}"))
        self.force_stop(package)
        self._boxes = None

    def launcher_activities(self) -> dict[str, str]:
        """Return the component that starts each package that has one."""
        return {app.package: app.component() for app in self.app_set.there(self._installed())}

    def foreground(self) -> str:
        """Return the component on top."""
        return self.state.activity.component

    def back_stack(self) -> list[str]:
        """Return every activity, the one on top first."""
        return [activity.component for task in reversed(self.state.tasks) for activity in reversed(task.activities)]

    def logcat_lines(self) -> list[str]:
        """Return the log, the oldest line first."""
        return list(self.state.log)

    # --- what apps may ask (apps.base.Host)

    def open(self, component: str, data: dict[str, str] | None = None) -> None:
        """Push an activity onto the front task."""
        activity = Activity(component, dict(data or {}))
        self.state.tasks[-1].activities.append(activity)
        self._started(activity)

    def leave(self) -> None:
        """Pop the visible activity; the last one of a task goes home."""
        task = self.state.tasks[-1]
        task.activities.pop()
        if not task.activities:
            self.state.tasks.pop()
            self._to_front(LAUNCHER_PACKAGE)
        self.state.focused_field = None

    def focus(self, field_id: str | None) -> None:
        """Give the keyboard to a field, or take it away."""
        self.state.focused_field = field_id

    def launch(self, package: str) -> None:
        """Bring an app to the front."""
        self._to_front(package)

    def view(self, uri: str) -> None:
        """Open a link.

        Raises:
            PhoneError: no app has a use for it.
        """
        if not any(app.view(self, uri) for app in self.app_set.there(self._installed())):
            raise PhoneError(
                f"Activity not started, unable to resolve Intent {{ act=android.intent.action.VIEW dat={uri} }}"
            )

    def install(self, package: str) -> None:
        """Add an app that another one offers, new; it does nothing where it is installed already.

        Raises:
            PhoneError: no app offers it.
        """
        app = self._offered(package)
        installed = self.state.orders.setdefault("installed", [])
        if package not in installed:
            installed.append(package)
            app.defaults(self.state, random.Random(f"{package}/{self.state.seed}"))
            self._boxes = None

    def uninstall(self, package: str) -> None:
        """Take an installed app off the phone, its data with it.

        Raises:
            PhoneError: it is not installed, or came with the phone.
        """
        app = self._offered(package)
        if package not in self._installed():
            raise PhoneError(f"Got {package}, expected an installed app: it is not.")
        self.force_stop(package)
        self.state.orders["installed"].remove(package)
        for path in app.tables:
            self.state.tables.pop(path, None)
        self.state.orders.pop(package, None)
        self._boxes = None

    # --- inside

    def _offered(self, package: str) -> App:
        app = self.app_set.offered(package)
        if app is None:
            raise PhoneError(f"Got {package}, expected an app that can be installed: none of that name is.")
        return app

    def _to_front(self, package: str) -> None:
        tasks = self.state.tasks
        found = [task for task in tasks if task.package == package]
        if found:
            tasks.remove(found[0])
            tasks.append(found[0])
            self._focus_front()
            return
        activity = Activity(self._app(package).component())
        tasks.append(Task(package, [activity]))
        self._started(activity)

    def _focus_front(self) -> None:
        self.state.focused_field = self._app(self.state.tasks[-1].package).initial_focus(self.state.activity)

    def _started(self, activity: Activity) -> None:
        self._focus_front()
        self.state.log.append(f"I/ActivityTaskManager: START u0 {{cmp={activity.component}}}")
        del self.state.log[:-MAX_LOG_LINES]

    def _previous_task(self) -> None:
        if len(self.state.tasks) > 1:
            self._to_front(self.state.tasks[-2].package)

    def _home(self) -> None:
        in_front = self.state.tasks[-1].package == LAUNCHER_PACKAGE
        self._to_front(LAUNCHER_PACKAGE)
        self.app_set.launcher.home(self, self.state.activity, in_front)
