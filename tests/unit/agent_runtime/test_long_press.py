"""A long press, and the key of running apps, wherever an action goes: grammars, records, sessions and their rules."""

from __future__ import annotations

import json

import pytest

from agent_runtime.actions import Key, LongPress, PressKey, Tap, grammar_named
from agent_runtime.records import action_record
from agent_runtime.sessions.fields import Fields
from agent_runtime.sessions.matching import RULES, Rule
from agent_runtime.sessions.schema import action_from_record
from agent_runtime.sessions.schema import action_record as session_record
from tests.grammar_world import reason_of

HELD = LongPress(0.25, 0.5)


def test_the_json_grammar_has_both() -> None:
    grammar = grammar_named("json")
    assert grammar.parse('{"action":"long_press","x":250,"y":500}') == LongPress(0.2505, 0.5005)
    assert '"action":"long_press","x":250,"y":500' in grammar.render(HELD)
    assert grammar.parse('{"action":"press","key":"recents"}') == PressKey(Key.RECENTS)
    assert "takes ['x', 'y']" in reason_of(grammar.parse('{"action":"long_press","x":250}'))
    assert '"action":"long_press"' in grammar.instruction
    assert "recents" in grammar.instruction


@pytest.mark.parametrize("action", [HELD, PressKey(Key.RECENTS)])
def test_auto_ui_has_neither(action: LongPress | PressKey) -> None:
    with pytest.raises(ValueError, match="has no text for"):
        grammar_named("auto-ui").render(action)


def test_it_comes_back_from_a_sessions_record() -> None:
    plain = json.loads(json.dumps(session_record(HELD)))
    assert plain == action_record(HELD) == {"type": "LongPress", "x_norm": 0.25, "y_norm": 0.5}
    assert action_from_record(Fields(plain)) == HELD
    recents = PressKey(Key.RECENTS)
    assert action_from_record(Fields(json.loads(json.dumps(session_record(recents))))) == recents


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_two_match_where_two_taps_would_and_never_match_a_tap(rule: Rule) -> None:
    assert rule.match(HELD, LongPress(0.25, 0.5 + 0.9 * rule.tap_distance_norm), (1080, 2400))
    assert not rule.match(HELD, LongPress(0.25, 0.5 + 1.1 * rule.tap_distance_norm), (1080, 2400))
    assert not rule.match(HELD, Tap(0.25, 0.5), (1080, 2400))
