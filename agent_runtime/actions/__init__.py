"""The action vocabulary and the grammars that read it from model text. Knows no devices."""

from agent_runtime.actions.grammar import GRAMMAR_NAMES, GRAMMARS, PIXEL_GRAMMARS, Grammar, grammar_named
from agent_runtime.actions.ruling import Ruling
from agent_runtime.actions.vocabulary import (
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

__all__ = [
    "GRAMMARS",
    "GRAMMAR_NAMES",
    "PIXEL_GRAMMARS",
    "Action",
    "Finish",
    "Grammar",
    "Key",
    "LongPress",
    "Malformed",
    "OpenApp",
    "PressKey",
    "Ruling",
    "Swipe",
    "Tap",
    "TypeText",
    "Wait",
    "grammar_named",
]
