"""What a grammar is, and the ones there are, by name. Holds no parsing of its own.

grammar_named("json")      grammar_named("ui-tars-1.5", image_size_px=(1092, 2408))
"""

from collections.abc import Callable
from typing import Protocol

from agent_runtime.actions.agentcpm import AgentCpmGrammar
from agent_runtime.actions.android_world import AndroidWorldGrammar
from agent_runtime.actions.auto_ui import AutoUiGrammar
from agent_runtime.actions.autoglm import AutoGlmGrammar
from agent_runtime.actions.cogagent import CogAgentGrammar
from agent_runtime.actions.json_grammar import JsonGrammar
from agent_runtime.actions.mobile_use import qwen3_mobile_use, qwen25_mobile_use
from agent_runtime.actions.ui_tars import ui_tars, ui_tars_15
from agent_runtime.actions.vocabulary import Action
from agent_runtime.errors import UsageError


class Grammar(Protocol):
    """One way of writing an action in text.

    ``parse`` is total: any string gives an action, and text outside the grammar gives ``Malformed``.
    """

    name: str
    instruction: str
    """Tells a general checkpoint how to answer; part of its prompt."""

    def parse(self, utterance: str) -> Action: ...

    def render(self, action: Action, thought: str = "") -> str:
        """Write the action so that ``parse`` gives it back, to the resolution of the grammar's coordinates.

        Raises:
            ValueError: the grammar has no words for the action; for ``Malformed`` none has.
        """


GRAMMARS: dict[str, Grammar] = {
    grammar.name: grammar
    for grammar in (
        AutoUiGrammar(),
        JsonGrammar(),
        AgentCpmGrammar(),
        AutoGlmGrammar(),
        CogAgentGrammar(),
        qwen3_mobile_use(),
        ui_tars(),
    )
}
"""Those whose coordinates are parts of the picture, whatever its size."""

PIXEL_GRAMMARS: dict[str, Callable[[tuple[int, int]], Grammar]] = {
    "android-world": AndroidWorldGrammar,
    "qwen2.5-mobile-use": qwen25_mobile_use,
    "ui-tars-1.5": ui_tars_15,
}
"""Those that count in pixels: each is made for the (width, height) of the picture the policy is shown."""

GRAMMAR_NAMES = (*GRAMMARS, *PIXEL_GRAMMARS)


def grammar_named(name: str, image_size_px: tuple[int, int] | None = None) -> Grammar:
    """Return the grammar of that name, for pictures of that (width, height) where it counts in pixels.

    Raises:
        UsageError: there is none, or it counts in pixels and no size is fixed.
    """
    if name in GRAMMARS:
        return GRAMMARS[name]
    if name not in PIXEL_GRAMMARS:
        raise UsageError(f"Got the grammar {name!r}, expected one of {', '.join(GRAMMAR_NAMES)}: choose one of these.")
    if image_size_px is None:
        raise UsageError(
            f"Got the grammar {name!r}, which counts in pixels, for pictures of any size, expected one size: set "
            "image_size_px in the checkpoint's agent.json."
        )
    return PIXEL_GRAMMARS[name](image_size_px)
