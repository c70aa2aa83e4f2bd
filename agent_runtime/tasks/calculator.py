"""Tasks in the calculator. Draws none."""

from agent_runtime.tasks.base import Params
from agent_runtime.tasks.checks import counts, has
from agent_runtime.tasks.setups import row
from agent_runtime.tasks.state_task import StateTask

HISTORY_URI = "content://com.android.calculator2/history"
SUMS = ("7 + 5", "9 + 8", "6 + 3", "4 + 9", "8 + 2", "3 + 7", "5 + 6", "2 + 9")
PRODUCTS = ("7 x 5", "9 x 8", "6 x 3", "4 x 9", "8 x 2", "3 x 7", "5 x 6", "2 x 9")
CHAINS = ("7 + 5 x 2", "9 - 4 + 8", "6 x 3 - 7", "4 + 9 + 6", "8 / 2 + 1", "3 x 7 x 2", "5 - 1 - 2", "9 / 3 x 8")
PERCENTS = (
    "10 % of 50",
    "20 % of 80",
    "30 % of 90",
    "40 % of 60",
    "50 % of 70",
    "60 % of 40",
    "70 % of 30",
    "80 % of 20",
)
DECIMALS = ("1.5 + 2.5", "3.2 + 0.4", "7.1 - 2.6", "8.4 / 2.1", "0.5 x 9.2", "6.3 - 1.7", "4.8 / 1.2", "2.9 + 5.8")
_LOGGED = has(HISTORY_URI, expression="{keys}")


def _keys(words: Params) -> Params:
    """Return the signs of the term to be typed, and of the second one."""
    term = words.get("term", "")
    keys = "x".join(reversed(term.split(" of "))) if " of " in term else term
    return {"keys": keys.replace(" ", ""), "more_keys": words.get("more", "").replace(" ", "")}


CALCULATOR_TEMPLATES = (
    StateTask(
        *("calculator/add", "Work out {term} with the calculator", ["Calculator"], 9),
        params={"term": SUMS},
        derived=_keys,
        checks=[_LOGGED],
    ),
    StateTask(
        *("calculator/multiply", "Work out {term} with the calculator", ["Calculator"], 9),
        params={"term": PRODUCTS},
        derived=_keys,
        checks=[_LOGGED],
    ),
    StateTask(
        *("calculator/chain", "Work out {term} in one go with the calculator", ["Calculator"], 11),
        params={"term": CHAINS},
        derived=_keys,
        checks=[_LOGGED],
    ),
    StateTask(
        *("calculator/percent", "Work out {term} with the calculator's % key", ["Calculator"], 12),
        params={"term": PERCENTS},
        derived=_keys,
        checks=[_LOGGED],
    ),
    StateTask(
        *("calculator/decimal", "Work out {term} with the calculator", ["Calculator"], 13),
        params={"term": DECIMALS},
        derived=_keys,
        checks=[_LOGGED],
    ),
    StateTask(
        *("calculator/clear", "Clear the calculator's log", ["Calculator"], 7),
        set_up=[row(HISTORY_URI, expression="1+1", result="2"), row(HISTORY_URI, expression="2x3", result="6")],
        checks=[counts(HISTORY_URI, "0")],
    ),
    StateTask(
        *("calculator/two", "Work out {term}, then {more} with the calculator", ["Calculator"], 13),
        params={"term": SUMS, "more": PRODUCTS},
        derived=_keys,
        level=2,
        checks=[_LOGGED, has(HISTORY_URI, expression="{more_keys}")],
    ),
    StateTask(
        *("calculator/only-in-log", "Clear the calculator's log, then work out {term}", ["Calculator"], 12),
        params={"term": SUMS},
        derived=_keys,
        set_up=[row(HISTORY_URI, expression="1+1", result="2")],
        level=2,
        checks=[_LOGGED, counts(HISTORY_URI, "1")],
    ),
)
