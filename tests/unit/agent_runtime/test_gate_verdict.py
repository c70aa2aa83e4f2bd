"""The gate's pure part: what it holds back, by words, patterns, windows and budgets."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from agent_runtime.actions import (
    Action,
    Finish,
    Key,
    LongPress,
    Malformed,
    OpenApp,
    PressKey,
    Swipe,
    Tap,
    TypeText,
    Wait,
)
from agent_runtime.actions.ruling import CHANGED
from agent_runtime.devices.windows import INPUT_METHOD, Window, Windows, windows_of
from agent_runtime.gate.elements import Element, along, elements_of, under
from agent_runtime.gate.files import STRICT
from agent_runtime.gate.rules import BUDGET, TEXT, VERB, WINDOW, Facts, GateRules, Spent
from agent_runtime.gate.typed_text import SECRETS, secret_in
from agent_runtime.gate.verdict import rule_on
from agent_runtime.gate.words import VERBS, verb_in, verb_in_id
from device_scripts.virtual_phone.dutch import DUTCH

APP = "com.android.settings"
FOCUS = Window("a1", f"{APP}/{APP}.Settings", APP, "BASE_APPLICATION", ((0, 0, 100, 200),), True)
BUTTON = Element((20, 90, 80, 110), ("Send",), f"{APP}:id/go", APP, is_pressable=True)
BACKDROP = Element((0, 0, 100, 200), (), "", APP)
FACTS = Facts((100, 200), Windows((FOCUS,), FOCUS), ("a1", FOCUS.title), (BACKDROP, BUTTON), None, "en-US")
FIXTURES = Path(__file__).parents[4] / "shared" / "fixtures" / "adb_outputs"


def rule(action: Action, facts: Facts = FACTS, rules: GateRules = STRICT, spent: Spent = Spent()) -> str:  # noqa: B008
    return rule_on(action, rules, facts, spent).rule


# --- what lies under a touch


@pytest.mark.parametrize(
    "action",
    [
        Tap(0.5, 0.5),
        LongPress(0.5, 0.5),
        Swipe(0.5, 0.9, 0.5, 0.1),
        Swipe(0.0, 0.5, 0.9, 0.5),
        Swipe(0.5, 0.5, 0.9, 0.9),
    ],
)
def test_a_touch_on_or_across_a_denied_button_is_denied(action: Action) -> None:
    assert rule(action) == VERB


@pytest.mark.parametrize("action", [Tap(0.5, 0.9), LongPress(0.1, 0.5), Swipe(0.05, 0.9, 0.05, 0.1)])
def test_a_touch_beside_it_is_allowed(action: Action) -> None:
    assert rule_on(action, STRICT, FACTS, Spent()).allowed


def test_a_row_means_what_the_label_at_its_far_end_says() -> None:
    row = Element((0, 0, 100, 20), (), "", APP, is_pressable=True)
    label = Element((80, 5, 100, 15), ("Löschen",), "", APP)
    assert rule(Tap(0.05, 0.05), replace(FACTS, elements=(BACKDROP, row, label))) == VERB
    assert label in under(5, 10, (BACKDROP, row, label))


def test_a_label_of_another_button_is_not_the_rows() -> None:
    row = Element((0, 0, 100, 20), (), "", APP, is_pressable=True)
    other = Element((80, 0, 100, 20), ("Delete",), "", APP, is_pressable=True)
    assert under(5, 10, (row, other)) == [row]


def test_a_drag_past_a_corner_crosses_nothing() -> None:
    assert along((0, 80), (15, 120), (BUTTON,)) == []  # the button begins at x = 20
    assert along((0, 80), (30, 120), (BUTTON,)) == [BUTTON]  # at x = 20 the drag is at y = 106.7, within 90 to 110


def test_yes_means_what_the_question_asks() -> None:
    question = Element((0, 0, 100, 20), ("Uninstall Notes?",), "", APP)
    yes = Element((0, 20, 50, 40), ("OK",), "", APP, is_pressable=True)
    no = Element((50, 20, 100, 40), ("Keep",), "", APP, is_pressable=True)
    facts = replace(FACTS, elements=(BACKDROP, question, yes, no))
    assert (rule(Tap(0.2, 0.15), facts), rule(Tap(0.7, 0.15), facts)) == (VERB, "")


@pytest.mark.parametrize("action", [PressKey(Key.ENTER), TypeText("hi\n"), TypeText("\thi")])
def test_enter_is_what_the_screen_offers(action: Action) -> None:
    assert rule(action) == VERB
    harmless = (BACKDROP, Element((0, 0, 9, 9), ("buy milk",), "", APP, is_field=True, is_focused=True))
    assert rule(action, replace(FACTS, elements=harmless)) == ""


def test_a_language_without_words_is_denied() -> None:
    harmless = replace(FACTS, elements=(BACKDROP,))
    assert [rule(Tap(0.5, 0.5), replace(harmless, language=name)) for name in ("de-DE", "ja-JP", "")] == [
        "",
        VERB,
        VERB,
    ]


# --- words


def test_the_virtual_phones_second_language_is_held_back_where_english_is() -> None:
    said = [(verb_in(english, VERBS), verb_in(dutch, VERBS), english) for english, dutch in DUTCH.items()]
    assert [english for first, second, english in said if first and not second] == []
    assert sum(1 for first, _, _ in said if first) > 10


@pytest.mark.parametrize("verb", VERBS)
def test_every_form_of_a_verb_is_found_in_any_case(verb: str) -> None:
    for form in VERBS[verb]:
        assert verb_in(f"¡ {form.upper()} !", [verb]) == verb, form


@pytest.mark.parametrize(
    ("text", "verb"),
    [
        ("Jetzt kaufen", "buy"),
        ("Nu kopen", "buy"),
        ("Bericht sturen", "send"),
        ("LÖSCHEN", "delete"),
        ("lo\u0308schen", "delete"),
        ("Ѕеnd", "send"),  # Cyrillic
        ("Ｐａｙ", "pay"),
        ("D e l e t e", "delete"),
        ("un\u00adinstall", "uninstall"),
        ("Allow", "grant"),
        ("Don't allow, or allow", "grant"),
    ],
)
def test_disguised_words_are_found(text: str, verb: str) -> None:
    assert verb_in(text, tuple(VERBS)) == verb


@pytest.mark.parametrize(
    "text", ["Display", "Sender", "Don't allow", "Nicht zulassen", "Niet toestaan", "Ordner", "payload", "calendar"]
)
def test_other_words_are_not(text: str) -> None:
    assert verb_in(text, tuple(VERBS)) is None


def test_ids_are_read_as_words() -> None:
    found = [
        verb_in_id(f"a.b:id/{name}", tuple(VERBS)) for name in ("btnSendNow", "delete_forever", "sender", "BUYButton")
    ]
    assert found == ["send", "delete", None, "buy"]


# --- typed text


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("4111 1111 1111 1111", "card"),  # 4·2=8, 7 times 1·2=2, 8 times 1: 8 + 14 + 8 = 30, a multiple of 10
        ("note 5500-0000-0000-0004.", "card"),
        ("٤١١١١١١١١١١١١١١١", "card"),
        ("4111\u200b111111111111", "card"),
        ("Passwort: geheim", "password"),
        ("Tr0ub4dor&3", "password"),
        ("493021", "one_time_code"),
        ("G-493021", "one_time_code"),
        ("the code is 4930", "one_time_code"),
        ("4111 1111 1111 1112", None),
        ("call Ada at 7:30", None),
        ("https://Shop.example/A1", None),
        ("Ada.Lovelace1@Example.org", None),
        ("2026", None),
    ],
)
def test_secrets_by_pattern(text: str, kind: str | None) -> None:
    assert secret_in(text, (), None, SECRETS) == kind


def test_a_card_in_pieces_is_one() -> None:
    assert secret_in("1111", ("4111", "1111", "1111"), None, SECRETS) == "card"
    assert secret_in("1111", ("4111", "and", "1111"), None, SECRETS) is None
    assert secret_in("1", tuple("49302"), None, SECRETS) == "one_time_code"
    assert secret_in("7:30", ("7:30",), None, SECRETS) is None


def test_a_field_for_secrets_takes_nothing() -> None:
    code = Element((0, 0, 1, 1), ("Verification code",), is_field=True, is_focused=True)
    hidden = Element((0, 0, 1, 1), (), is_field=True, is_focused=True, is_password=True)
    assert secret_in("x", (), code, SECRETS) == "one_time_code"
    assert secret_in("x", (), hidden, SECRETS) == "password"


def test_a_reason_quotes_no_secret() -> None:
    ruling = rule_on(TypeText("4111 1111 1111 1111"), STRICT, replace(FACTS, elements=(BACKDROP,)), Spent())
    assert ruling.rule == TEXT
    assert "4111" not in ruling.reason


# --- windows


def test_only_the_allowed_may_have_the_focus_and_leaving_is_free() -> None:
    evil = replace(FOCUS, package="com.evil.app")
    facts = replace(FACTS, windows=Windows((evil,), evil))
    assert [rule(action, facts) for action in (Tap(0.5, 0.9), TypeText("a"), PressKey(Key.RECENTS))] == [WINDOW] * 3
    assert [rule(action, facts) for action in (PressKey(Key.HOME), PressKey(Key.BACK), Wait(1), Finish(True))] == [
        ""
    ] * 4


def test_another_focus_than_at_the_look_blames_nobody() -> None:
    ruling = rule_on(Tap(0.5, 0.9), STRICT, replace(FACTS, looked_at=("b2", FOCUS.title)), Spent())
    assert (ruling.allowed, ruling.rule, ruling.blames_agent) == (False, CHANGED, False)


def test_what_lies_over_the_app_takes_or_hides_the_touch() -> None:
    over = Window("c3", "x", "com.evil.app", "APPLICATION_OVERLAY", ((0, 0, 100, 50),), False)
    facts = replace(FACTS, windows=Windows((over, FOCUS), FOCUS))
    assert (rule(Tap(0.5, 0.1), facts), rule(Tap(0.5, 0.9), facts)) == (WINDOW, "")
    split = replace(over, package=APP, takes_touches=True)
    assert rule(Tap(0.5, 0.1), replace(FACTS, windows=Windows((split, FOCUS), FOCUS))) == WINDOW
    keys = replace(over, package="some.keyboard", kind=INPUT_METHOD)
    assert rule(Tap(0.5, 0.1), replace(FACTS, windows=Windows((keys, FOCUS), FOCUS))) == TEXT
    bar = replace(over, package="com.android.systemui", kind="STATUS_BAR", areas=None, takes_touches=True)
    assert rule(Tap(0.5, 0.1), replace(FACTS, windows=Windows((bar, FOCUS), FOCUS))) == ""


def test_elements_of_another_window_are_no_ground_to_act_on() -> None:
    other = replace(BACKDROP, package="com.evil.app")
    assert rule(Tap(0.5, 0.9), replace(FACTS, elements=(other,))) == CHANGED
    assert rule(Tap(0.5, 0.9), replace(FACTS, elements=())) == CHANGED


def test_apps_are_opened_from_the_list_only() -> None:
    assert [rule(OpenApp("x"), replace(FACTS, opens=name)) for name in (APP, "com.evil.app", None)] == [
        "",
        WINDOW,
        WINDOW,
    ]


@pytest.mark.parametrize("release", ["A11", "A13"])
def test_a_real_dump_is_read(release: str) -> None:
    path = FIXTURES / f"dumpsys_window_windows_{release}.txt"
    if not path.exists():
        pytest.skip("the recorded outputs are not beside this checkout")
    title = "com.google.android.apps.nexuslauncher/com.google.android.apps.nexuslauncher.NexusLauncherActivity"
    token = {"A11": "7bfc52e", "A13": "edc61c1"}[release]
    windows = windows_of(f"  mCurrentFocus=Window{{{token} u0 {title}}}\n{path.read_text()}")
    assert windows is not None
    assert windows.focus is not None
    assert windows.focus.package == "com.google.android.apps.nexuslauncher"
    assert "StatusBar" in [window.title for window in windows.shown]
    assert windows_of(path.read_text()) is None  # without a focus nobody can tell


def test_a_dump_forged_by_a_title_is_none() -> None:
    block = "  Window #0 Window{a1 u0 T}:\n    mDisplayId=0 x\n    mOwnerUid=1 x package=a.b\n    mHasSurface=true\n"
    sound = "  mCurrentFocus=Window{a1 u0 T}\n" + block
    assert windows_of(sound) is not None
    forged = "T}:\n    mOwnerUid=1000 x package=com.android.settings\n    mHasSurface=true\n    x={"
    assert windows_of(sound.replace("T", forged)) is None
    assert windows_of(sound + block) is None  # numbered twice
    assert windows_of("  mCurrentFocus=Window{b2 u0 U}\n" + sound) is None  # two in focus


# --- budgets


def test_budgets_of_steps_and_taps() -> None:
    rules = replace(STRICT, steps=3, taps=2)
    assert rule(Tap(0.5, 0.9), rules=rules, spent=Spent(2, 1)) == ""
    assert rule(Tap(0.5, 0.9), rules=rules, spent=Spent(2, 2)) == BUDGET
    assert rule(PressKey(Key.HOME), rules=rules, spent=Spent(2, 2)) == ""
    assert rule(PressKey(Key.HOME), rules=rules, spent=Spent(3, 2)) == BUDGET
    assert [rule(still, rules=rules, spent=Spent(3, 2)) for still in (Wait(1), Finish(True), Malformed("x"))] == [
        ""
    ] * 3


def test_without_rules_everything_passes() -> None:
    for action in (Tap(0.5, 0.5), TypeText("493021"), PressKey(Key.ENTER), OpenApp("x")):
        assert rule_on(action, GateRules(), Facts(), Spent(999, 999)).allowed


def test_an_element_without_bounds_makes_a_dump_useless() -> None:
    assert elements_of([{"bounds": "[0,0][9,9]"}, {"text": "Pay"}]) is None


# --- what a second reading found open


def fields(*named: Element) -> Facts:
    return replace(FACTS, elements=(BACKDROP, *named))


NAME_FIELD = Element((0, 10, 100, 30), ("Name",), f"{APP}:id/name", APP, is_field=True, is_focused=True)
PASSWORD_FIELD = Element((0, 40, 100, 60), (), f"{APP}:id/input2", APP, is_field=True, is_password=True)


@pytest.mark.parametrize("text", ["ada\thunter", "ada\nhunter", "ada\t\thunter"])
def test_a_text_that_moves_on_to_another_field_is_held_to_every_field(text: str) -> None:
    facts = fields(NAME_FIELD, PASSWORD_FIELD)
    assert rule(TypeText(text), facts) == TEXT
    assert rule(TypeText("ada"), facts) == ""
    assert rule(TypeText("ada\t"), facts) == ""
    assert rule(TypeText(text), fields(NAME_FIELD)) == ""


def test_a_focused_element_that_hides_what_is_typed_is_a_password_field_whatever_its_class() -> None:
    drawn = replace(PASSWORD_FIELD, is_field=False, is_focused=True)
    assert rule(TypeText("hunter"), fields(drawn)) == TEXT


def test_text_is_not_typed_where_the_elements_are_unknown_or_another_windows() -> None:
    assert rule(TypeText("milk"), replace(FACTS, elements=())) == CHANGED
    assert rule(TypeText("milk"), replace(FACTS, elements=(replace(BACKDROP, package="com.evil.app"),))) == CHANGED
    no_windows = GateRules(secrets=frozenset(SECRETS))
    assert rule(TypeText("milk"), replace(FACTS, windows=None), no_windows) == ""
    assert rule(TypeText("milk"), replace(FACTS, windows=None, elements=()), no_windows) == CHANGED


@pytest.mark.parametrize("label", ["Yes, continue", "OK, next", "Ja, weiter", "I agree", "Oui, continuer"])
def test_a_yes_of_more_than_one_word_is_a_yes(label: str) -> None:
    button = replace(BUTTON, says=(label,))
    assert rule(Tap(0.5, 0.5), fields(button, Element((0, 40, 100, 60), ("Delete it?",), "", APP))) == VERB
    assert rule(Tap(0.5, 0.5), fields(button)) == ""


@pytest.mark.parametrize("label", ["The next train leaves at noon from here", "Note", "Yesterday", "Book"])
def test_a_sentence_with_such_a_word_is_none(label: str) -> None:
    button = replace(BUTTON, says=(label,))
    assert rule(Tap(0.5, 0.5), fields(button, Element((0, 40, 100, 60), ("Delete it?",), "", APP))) == ""


IN_SCRIPTS_WITHOUT_SPACES = [("購入", "購入する"), ("購入", "今すぐ購入"), ("ลบ", "ลบออก"), ("購 入", "購入")]


@pytest.mark.parametrize(("word", "label"), IN_SCRIPTS_WITHOUT_SPACES)
def test_a_word_of_a_script_without_spaces_is_found_within_others(word: str, label: str) -> None:
    assert verb_in(label, (), (word,)) == word


def test_a_word_of_a_script_with_spaces_is_found_as_a_word_only() -> None:
    assert verb_in("Payload", (), ("pay",)) is None
    assert verb_in("Pay now", (), ("pay",)) == "pay"


def test_a_notification_that_came_up_over_the_app_is_not_touched() -> None:
    shade = Window("d4", "NotificationShade", "com.android.systemui", "2040", ((0, 0, 100, 40),), True)
    over = replace(FACTS, windows=Windows((shade, FOCUS), FOCUS))
    assert (rule(Tap(0.5, 0.1), over), rule(Tap(0.5, 0.9), over)) == (WINDOW, "")
    assert rule(Swipe(0.5, 0.9, 0.5, 0.1), replace(over, elements=(BACKDROP,))) == WINDOW
    unclear = replace(shade, areas=None)
    assert rule(Tap(0.5, 0.9), replace(FACTS, windows=Windows((unclear, FOCUS), FOCUS))) == WINDOW
    shut = replace(shade, takes_touches=False)
    assert rule(Tap(0.5, 0.1), replace(FACTS, windows=Windows((shut, FOCUS), FOCUS))) == ""


@pytest.mark.parametrize(("kind", "package"), [("SYSTEM_ALERT", "android"), ("2038", "com.android.systemui")])
def test_a_dialog_or_bubble_of_the_systems_over_the_app_is_not_touched(kind: str, package: str) -> None:
    over = Window("e5", "Application Not Responding: x", package, kind, ((0, 0, 100, 40),), True)
    facts = replace(FACTS, windows=Windows((over, FOCUS), FOCUS))
    assert (rule(Tap(0.5, 0.1), facts), rule(Tap(0.5, 0.9), facts)) == (WINDOW, "")


def test_an_apps_own_window_of_a_bars_kind_is_no_bar() -> None:
    bar = Window("f6", "StatusBar", "com.evil.app", "STATUS_BAR", ((0, 0, 100, 40),), True)
    assert rule(Tap(0.5, 0.1), replace(FACTS, windows=Windows((bar, FOCUS), FOCUS))) == WINDOW


def test_the_dialog_in_a_recorded_dump_is_not_touched_while_another_window_has_the_focus() -> None:
    path = FIXTURES / "dumpsys_window_windows_A11.txt"
    if not path.exists():
        pytest.skip("the recorded outputs are not beside this checkout")
    home = "com.google.android.apps.nexuslauncher"
    title = f"{home}/{home}.NexusLauncherActivity"
    windows = windows_of(f"  mCurrentFocus=Window{{7bfc52e u0 {title}}}\n{path.read_text()}")
    assert windows is not None
    element = Element((0, 0, 1080, 1920), ("Clock",), "", home)
    facts = Facts((1080, 1920), windows, ("7bfc52e", title), (element,), None, "en-US")
    assert (rule(Tap(0.5, 0.45), facts), rule(Tap(0.5, 0.2), facts), rule(Tap(0.5, 0.01), facts)) == (WINDOW, "", "")
