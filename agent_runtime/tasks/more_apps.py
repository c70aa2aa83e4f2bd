"""Tasks in the calculator and the app store, and what tasks of one app have in common. Samples nothing."""

from typing import ClassVar

from agent_runtime.devices import Device
from agent_runtime.tasks import probes
from agent_runtime.tasks.base import Command, Params, ParamSpace, TaskTemplate

CALCULATOR = "com.android.calculator2"
STORE = "com.android.vending"
HISTORY_URI = f"content://{CALCULATOR}/history"
SUMS = ("7 + 5", "9 + 8", "6 + 3", "4 + 9", "8 + 2", "3 + 7", "5 + 6", "2 + 9")
PRODUCTS = ("7 x 5", "9 x 8", "6 x 3", "4 x 9", "8 x 2", "3 x 7", "5 x 6", "2 x 9")
STORE_APPS = ("Torch", "Dice", "Coin", "Recipes", "Yoga", "Words", "Stars", "Quotes")
OPEN_STEPS = 4
"""Opening an app by the drawer's search: a swipe, a tap, its name, and a tap on its icon."""


class CleanAppTask(TaskTemplate):
    """Starts at the home screen with one app as it was when new, and leaves it so."""

    package: ClassVar[str]

    def prepare(self, device: Device, params: Params) -> list[Command]:
        probes.clear(device, self.package)
        probes.start_from_home(device, (self.package,))
        return [["pm", "clear", self.package]]


class AddTask(CleanAppTask):
    """Have worked out a sum with the calculator."""

    name = "calculator/add"
    goal_template = "Work out {term} with the calculator"
    param_space: ClassVar[ParamSpace] = {"term": SUMS}
    split_param = "term"
    package = CALCULATOR
    optimal_steps = OPEN_STEPS + 5

    def reached(self, device: Device, params: Params) -> bool:
        wanted = params["term"].replace(" ", "")
        return any(row.get("expression") == wanted for row in probes.rows(device, HISTORY_URI))


class MultiplyTask(AddTask):
    """Have worked out a product with the calculator."""

    name = "calculator/multiply"
    param_space: ClassVar[ParamSpace] = {"term": PRODUCTS}


class InstallTask(TaskTemplate):
    """Have an app of the store installed; it is not at the start."""

    name = "store/install"
    goal_template = "Install {app} from the store"
    param_space: ClassVar[ParamSpace] = {"app": STORE_APPS}
    split_param = "app"
    optimal_steps = OPEN_STEPS + 5

    def prepare(self, device: Device, params: Params) -> list[Command]:
        probes.start_from_home(device, (STORE,))
        if _is_installed(device, params["app"]):
            probes.run(device, ["pm", "uninstall", _package(params["app"])])
        return [["pm", "uninstall", _package(params["app"])]]

    def reached(self, device: Device, params: Params) -> bool:
        return _is_installed(device, params["app"])


class InstallAndOpenTask(InstallTask):
    """Have an app of the store installed and in the foreground."""

    name = "store/open"
    goal_template = "Install {app} and open it"
    optimal_steps = OPEN_STEPS + 6

    def reached(self, device: Device, params: Params) -> bool:
        return probes.foreground_package(device) == _package(params["app"])


class UninstallTask(TaskTemplate):
    """Have an app gone that is installed at the start."""

    name = "store/uninstall"
    goal_template = "Uninstall {app}"
    param_space: ClassVar[ParamSpace] = {"app": STORE_APPS}
    split_param = "app"
    optimal_steps = OPEN_STEPS + 6

    def prepare(self, device: Device, params: Params) -> list[Command]:
        probes.start_from_home(device, (STORE,))
        probes.run(device, ["pm", "install-existing", _package(params["app"])])
        return [["pm", "uninstall", _package(params["app"])]]

    def reached(self, device: Device, params: Params) -> bool:
        return not _is_installed(device, params["app"])


def _package(app: str) -> str:
    return f"org.example.{app.lower()}"


def _is_installed(device: Device, app: str) -> bool:
    return f"package:{_package(app)}" in probes.run(device, ["pm", "list", "packages"]).split()
