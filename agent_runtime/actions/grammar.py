"""What a grammar is, and the ones there are, by name. Holds no parsing of its own."""

from typing import Protocol

from agent_runtime.actions.auto_ui import AutoUiGrammar
from agent_runtime.actions.json_grammar import JsonGrammar
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
        """Write the action so that ``parse`` gives it back.

        Raises:
            ValueError: the action is ``Malformed``, which has no text.
        """


GRAMMARS: dict[str, Grammar] = {grammar.name: grammar for grammar in (JsonGrammar(), AutoUiGrammar())}


def grammar_named(name: str) -> Grammar:
    """Return the grammar of that name.

    Raises:
        UsageError: there is none.
    """
    if name not in GRAMMARS:
        raise UsageError(
            f"Got the grammar {name!r}, expected one of {', '.join(sorted(GRAMMARS))}: choose one of these."
        )
    return GRAMMARS[name]
