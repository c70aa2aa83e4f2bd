"""Tasks of the app store and of the small apps it offers. Draws none."""

from agent_runtime.tasks.base import Params
from agent_runtime.tasks.checks import column_is, counts, has, in_front, installed, not_installed
from agent_runtime.tasks.setups import installed as is_installed
from agent_runtime.tasks.setups import not_installed as is_not_installed
from agent_runtime.tasks.setups import row
from agent_runtime.tasks.state_task import StateTask

RATINGS_URI = "content://com.android.vending/ratings"
WISHES_URI = "content://com.android.vending/wishes"
STORE_APPS = ("Torch", "Dice", "Coin", "Recipes", "Yoga", "Words", "Stars", "Quotes")
DISHES = ("Bean soup", "Fried rice", "Apple pie", "Pancakes")
_APP = {"app": STORE_APPS}
_OTHER = {"other": "app"}


def packages_of(words: Params) -> Params:
    """Return the packages of the words that name apps."""
    return {key + "_package": f"org.example.{words[key].lower()}" for key in ("app", "other") if key in words}


STORE_TEMPLATES = (
    StateTask(
        *("store/install", "Install {app} from the store", ["Store"], 8),
        params=_APP,
        derived=packages_of,
        set_up=[is_not_installed("{app_package}")],
        checks=[installed("{app_package}")],
    ),
    StateTask(
        *("store/open", "Install {app} and open it", ["Store"], 9),
        params=_APP,
        derived=packages_of,
        set_up=[is_not_installed("{app_package}")],
        level=2,
        checks=[in_front("{app_package}")],
    ),
    StateTask(
        *("store/uninstall", "Uninstall {app}", ["Store"], 9),
        params=_APP,
        others=_OTHER,
        derived=packages_of,
        set_up=[is_installed("{app_package}"), is_installed("{other_package}")],
        checks=[not_installed("{app_package}"), installed("{other_package}")],
    ),
    StateTask(
        *("store/wish", "Put {app} on the wish list of the store", ["Store"], 8),
        params=_APP,
        derived=packages_of,
        set_up=[is_not_installed("{app_package}")],
        checks=[column_is(WISHES_URI, "package", "{app_package}")],
    ),
    StateTask(
        *("store/unwish", "Take {app} off the wish list of the store", ["Store"], 8),
        params=_APP,
        others=_OTHER,
        derived=packages_of,
        set_up=[
            *(is_not_installed("{app_package}"), is_not_installed("{other_package}")),
            *(row(WISHES_URI, package="{app_package}"), row(WISHES_URI, package="{other_package}")),
        ],
        checks=[column_is(WISHES_URI, "package", "{other_package}")],
    ),
    StateTask(
        *("store/rate", "Rate {app} with {stars} stars in the store", ["Store"], 8),
        params={"app": STORE_APPS, "stars": ("2", "3", "4", "5")},
        derived=packages_of,
        set_up=[is_installed("{app_package}")],
        checks=[has(RATINGS_URI, package="{app_package}", stars="{stars}"), counts(RATINGS_URI, "1")],
    ),
    StateTask(
        *("store/install-two", "Install {app} and {other} from the store", ["Store"], 11),
        params=_APP,
        others=_OTHER,
        derived=packages_of,
        set_up=[is_not_installed("{app_package}"), is_not_installed("{other_package}")],
        level=2,
        checks=[installed("{app_package}"), installed("{other_package}")],
    ),
    StateTask(
        *("store/exchange", "Uninstall {app} and install {other} instead", ["Store"], 14),
        params=_APP,
        others=_OTHER,
        derived=packages_of,
        set_up=[is_installed("{app_package}"), is_not_installed("{other_package}")],
        level=2,
        checks=[not_installed("{app_package}"), installed("{other_package}")],
    ),
    StateTask(
        *("store/install-and-rate", "Install {app} and rate it with {stars} stars", ["Store"], 9),
        params={"app": STORE_APPS, "stars": ("2", "3", "4", "5")},
        derived=packages_of,
        set_up=[is_not_installed("{app_package}")],
        level=2,
        checks=[installed("{app_package}"), has(RATINGS_URI, package="{app_package}", stars="{stars}")],
    ),
    StateTask(
        *("dice/roll", "Roll the dice {count} times", ["Dice"], 9),
        params={"count": ("2", "3", "4")},
        set_up=[is_not_installed("org.example.dice"), is_installed("org.example.dice")],
        checks=[has("content://org.example.dice/value", turns="{count}")],
    ),
    StateTask(
        *("recipes/dish", "Have Recipes show {dish}", ["Recipes"], 8),
        params={"dish": DISHES},
        set_up=[is_not_installed("org.example.recipes"), is_installed("org.example.recipes")],
        checks=[has("content://org.example.recipes/value", value="{dish}"), in_front("org.example.recipes")],
    ),
    StateTask(
        *("torch/on", "Install Torch from the store and switch it on", ["Store", "Torch"], 10),
        set_up=[is_not_installed("org.example.torch")],
        level=2,
        checks=[installed("org.example.torch"), has("content://org.example.torch/value", value="On")],
    ),
)
