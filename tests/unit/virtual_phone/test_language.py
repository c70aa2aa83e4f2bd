"""The phone's languages: every word of its own has a translation, what people wrote stays, and the choice holds."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path

import pytest

from device_scripts.virtual_phone import apps
from device_scripts.virtual_phone.apps import APP_SETS, setting_items
from device_scripts.virtual_phone.apps.dates import MONTHS, WEEKDAYS
from device_scripts.virtual_phone.device import build_device
from device_scripts.virtual_phone.language import TABLES, Own, is_spoken, needs_words
from device_scripts.virtual_phone.phone import Phone
from device_scripts.virtual_phone.shell.commands import COMMANDS
from device_scripts.virtual_phone.shell.interpreter import Shell, Streams
from device_scripts.virtual_phone.ui import material, widgets
from device_scripts.virtual_phone.ui.theme import font
from tests.unit.virtual_phone.hands import labels, tap

PACKAGES = [(name, app.package) for name, app_set in APP_SETS.items() for app in app_set if app.in_the_phones_words]
MAX_SCREENS = 150
"""Screens of one app that are looked at; every app has fewer kinds."""


def spoken(part: object) -> Iterator[str]:
    """Yield every text of a screen that is read, as the app wrote it."""
    assert is_dataclass(part)
    for about in fields(part):
        value = getattr(part, about.name)
        if isinstance(value, str):
            if is_spoken(part, about.name):
                yield value
        elif isinstance(value, tuple):
            for one in value:
                if is_dataclass(one):
                    yield from spoken(one)
        elif is_dataclass(value):
            yield from spoken(value)


def words_of_every_screen(phone: Phone, package: str) -> set[str]:
    """Return the app's own words on each kind of screen that taps lead to, before translation."""
    phone.start_activity(package)
    waiting, seen, words = [phone.fork()], set(), set()
    while waiting and len(seen) < MAX_SCREENS:
        here = waiting.pop(0)
        activity = here.state.activity
        app = here.app_set.app(package)
        assert app is not None
        if here.state.tasks[-1].package != package:
            continue
        own = frozenset(text for text in spoken(app.screen(here.state, activity)) if needs_words(text))
        if own in seen:
            continue
        seen.add(own)
        words |= own
        for node in here.nodes():
            if node.clickable and node.role not in ("key", "navigation"):
                left, top, right, bottom = node.bounds
                next_one = here.fork()
                next_one.tap((left + right) // 2, (top + bottom) // 2)
                waiting.append(next_one)
    return words


@pytest.mark.parametrize(("name", "package"), PACKAGES)
def test_no_word_of_the_phones_own_is_untranslated(name: str, package: str) -> None:
    words = words_of_every_screen(Phone(size=(480, 2400), seed=3, apps=name), package)
    assert words
    for language, table in TABLES.items():
        assert sorted(word for word in words if word not in table) == [], language


def _literals(node: ast.expr) -> Iterator[str]:
    """Yield the texts an expression can be, as far as they stand in it."""
    match node:
        case ast.Constant(value=str(text)):
            yield text
        case ast.IfExp(body=body, orelse=other):
            yield from _literals(body)
            yield from _literals(other)
        case ast.BoolOp(values=values):
            for value in values:
                yield from _literals(value)


def literals_of_widgets(module: str) -> set[str]:
    """Return the texts a module writes into widgets and settings where they are read."""
    path = Path(str(sys.modules[module].__file__))
    kinds = {kind.__name__: kind for source in (widgets, material, setting_items) for kind in vars(source).values()
             if isinstance(kind, type) and is_dataclass(kind)}  # fmt: skip
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in kinds:
            kind = kinds[node.func.id]
            names = [about.name for about in fields(kind)]
            given = [*zip(names, node.args, strict=False), *((word.arg, word.value) for word in node.keywords)]
            reads = {name for name in names if name in {"label", "text", "hint", "title", "below", "detail"}}
            found |= {text for name, value in given if name in reads for text in _literals(value)}
    return {text for text in found if needs_words(text)}


def test_every_text_that_stands_in_an_app_is_translated() -> None:
    modules = {"settings", "setting_pages", "phone_lists"}
    modules |= {
        kind.__module__.rpartition(".")[2]
        for app in APP_SETS["full"]
        if app.in_the_phones_words
        for kind in type(app).__mro__
        if kind.__module__.startswith(apps.__name__)
    }
    found = {text for module in modules for text in literals_of_widgets(f"{apps.__name__}.{module}")}
    assert "Return to call" in found
    for table in TABLES.values():
        assert sorted(found - table.keys()) == []


def test_sentences_with_places_in_them_and_names_of_days_are_translated() -> None:
    said = {*WEEKDAYS, *MONTHS, *(name[:2] for name in WEEKDAYS)}
    for path in Path(apps.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "say":
                said |= {arg.value for arg in node.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)}
    assert "To {place}" in said
    for table in TABLES.values():
        assert sorted(said - table.keys()) == []
        for english, words in table.items():
            assert english.count("{") == words.count("{"), english


def test_every_word_can_be_drawn() -> None:
    missing = font(20).getmask("\ue000")
    for table in TABLES.values():
        for letter in {letter for words in table.values() for letter in words} - {" "}:
            assert bytes(font(20).getmask(letter)) != bytes(missing), letter


@pytest.fixture
def phone() -> Phone:
    return Phone(seed=3, apps="full")


@pytest.fixture
def sh(phone: Phone) -> Callable[[str], str]:
    device = build_device(phone, "emulator-5554")

    def run(line: str) -> str:
        out: list[bytes] = []
        Shell(device, COMMANDS).run_to_end(line, Streams(b"", out.append, out.append))
        return b"".join(out).decode()

    return run


def test_the_languages_page_the_property_and_the_setting_are_one(phone: Phone, sh: Callable[[str], str]) -> None:
    assert sh("getprop persist.sys.locale; settings get system system_locales") == "en-US\nen-US\n"
    phone.start_activity("com.android.settings")
    tap(phone, "System", "Languages", "Nederlands (Nederland)")
    assert labels(phone, "title") == ["Talen"]
    assert sh("getprop persist.sys.locale; settings get system system_locales") == "nl-NL\nnl-NL\n"
    sh("setprop persist.sys.locale en-US")
    assert labels(phone, "title") == ["Languages"]
    assert sh("settings get system system_locales") == "en-US\n"
    sh("settings put system system_locales nl-NL,en-US")
    assert sh("getprop | grep persist.sys.locale") == "[persist.sys.locale]: [nl-NL]\n"
    sh("settings put system system_locales fr-FR")
    assert labels(phone, "title") == ["Languages"]


def test_what_people_wrote_and_names_of_elements_stay(phone: Phone) -> None:
    phone.content_insert("content://org.example.notes/notes", {"text": "Delete"})
    phone.start_activity("org.example.notes")
    english = [(node.resource_id, node.role) for node in phone.nodes()]
    phone.settings_put("system", "system_locales", "nl-NL")
    assert "Delete" in labels(phone, "row")
    assert "Nieuw" in labels(phone, "button")
    assert [(node.resource_id, node.role) for node in phone.nodes()] == english
    tap(phone, "Nieuw")
    phone.text("Save")
    assert [node.text for node in phone.nodes() if node.role == "field"] == ["Save"]


def test_apps_and_settings_are_found_in_the_language_of_the_phone(phone: Phone) -> None:
    phone.settings_put("system", "system_locales", "nl-NL")
    phone.swipe(64, 150, 64, 50)
    tap(phone, "Zoek apps")
    phone.text("reken")
    assert labels(phone, "icon") == ["Rekenmachine"]
    phone.start_activity("com.android.settings")
    tap(phone, "Zoek instelling")
    phone.text("letter")
    tap(phone, "Lettergrootte")
    assert labels(phone, "title") == ["Lettergrootte"]


def test_a_sentence_of_ones_own_is_a_text_like_any_other() -> None:
    assert Own("a") == "a"
    assert hash(Own("a")) == hash("a")
