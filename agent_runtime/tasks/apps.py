"""Tasks within apps: notes and the browser's shop. Samples nothing."""

from typing import ClassVar
from urllib.parse import parse_qs, urlsplit

from agent_runtime.devices import Device
from agent_runtime.tasks import probes
from agent_runtime.tasks.base import Command, Params, ParamSpace, TaskTemplate
from agent_runtime.tasks.system import ALL_PACKAGES, APP_PACKAGES

NOTE_WORDS = (
    *("milk", "bread", "taxi", "rent", "gift", "soap", "lamp", "keys"),
    *("book", "rice", "tea", "fish", "coat", "tape", "plant", "cable"),
)
PRODUCTS = (
    *("desk lamp", "floor lamp", "red shoes", "blue shoes", "blue mug", "green mug", "tea pot", "tea cup"),
    *("green tent", "small tent", "wool hat", "sun hat", "book bag", "rain coat", "hand soap", "bath towel"),
)
NOTES = APP_PACKAGES["Notes"]
BROWSER = APP_PACKAGES["Browser"]
NOTES_URI = "content://org.example.notes/notes"
TABS_URI = "content://com.android.browser/tabs"
CART_URI = "content://com.android.browser/cart"


class WriteNoteTask(TaskTemplate):
    """Have a note that says a word and nothing else."""

    name = "notes/write"
    goal_template = "Write a note saying {word}"
    param_space: ClassVar[ParamSpace] = {"word": NOTE_WORDS}
    apps = ("Notes",)
    split_param = "word"
    splits_by_instance_only = True
    optimal_steps = 5

    def prepare(self, device: Device, params: Params) -> list[Command]:
        probes.clear(device, NOTES)
        probes.start_from_home(device, ALL_PACKAGES)
        for row in probes.rows(device, NOTES_URI):
            if _says(row, params["word"]):
                probes.delete(device, NOTES_URI, row["_id"])
        return [["pm", "clear", NOTES]]

    def reached(self, device: Device, params: Params) -> bool:
        return any(_says(row, params["word"]) for row in probes.rows(device, NOTES_URI))


class DeleteNoteTask(TaskTemplate):
    """Have one note gone; the others are there still."""

    name = "notes/delete"
    goal_template = "Delete the note {word}"
    param_space: ClassVar[ParamSpace] = {"word": NOTE_WORDS}
    apps = ("Notes",)
    split_param = "word"
    splits_by_instance_only = True
    optimal_steps = 5

    def prepare(self, device: Device, params: Params) -> list[Command]:
        probes.clear(device, NOTES)
        probes.start_from_home(device, ALL_PACKAGES)
        probes.insert(device, NOTES_URI, {"text": params["word"]})
        return [["pm", "clear", NOTES]]

    def reached(self, device: Device, params: Params) -> bool:
        notes = probes.rows(device, NOTES_URI)
        return bool(notes) and not any(_says(row, params["word"]) for row in notes)


def _says(row: dict[str, str], word: str) -> bool:
    return row.get("text", "").strip().lower() == word


class SearchTask(TaskTemplate):
    """Have the shop's results for a product on screen."""

    name = "browser/search"
    goal_template = "Search the shop for {product}"
    param_space: ClassVar[ParamSpace] = {"product": PRODUCTS}
    apps = ("Browser",)
    split_param = "product"
    splits_by_instance_only = True
    optimal_steps = 6

    def prepare(self, device: Device, params: Params) -> list[Command]:
        probes.clear(device, BROWSER)
        probes.start_from_home(device, ALL_PACKAGES)
        return [["pm", "clear", BROWSER]]

    def reached(self, device: Device, params: Params) -> bool:
        return any(_searches(row.get("url", ""), params["product"]) for row in probes.rows(device, TABS_URI))


def _searches(url: str, product: str) -> bool:
    address = urlsplit(url)
    words = parse_qs(address.query).get("q", [""])[0].lower().split()
    return address.path == "/search" and words == product.split()


class CartTask(TaskTemplate):
    """Have a product, and no other, in the shop's cart."""

    name = "browser/cart"
    goal_template = "Put the {product} in the cart"
    param_space: ClassVar[ParamSpace] = {"product": PRODUCTS}
    apps = ("Browser",)
    split_param = "product"
    splits_by_instance_only = True
    optimal_steps = 8

    def prepare(self, device: Device, params: Params) -> list[Command]:
        probes.clear(device, BROWSER)
        probes.start_from_home(device, ALL_PACKAGES)
        return [["pm", "clear", BROWSER]]

    def reached(self, device: Device, params: Params) -> bool:
        return [row.get("name") for row in probes.rows(device, CART_URI)] == [params["product"]]
