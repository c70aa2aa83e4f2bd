"""The action vocabulary and the grammars that read it from model text. Knows no devices."""

from agent_runtime.actions.grammar import GRAMMARS, Grammar, grammar_named
from agent_runtime.actions.vocabulary import (
    Action,
    Finish,
    Key,
    Malformed,
    OpenApp,
    PressKey,
    Swipe,
    Tap,
    TypeText,
    Wait,
)

__all__ = [
    "GRAMMARS",
    "Action",
    "Finish",
    "Grammar",
    "Key",
    "Malformed",
    "OpenApp",
    "PressKey",
    "Swipe",
    "Tap",
    "TypeText",
    "Wait",
    "grammar_named",
]
