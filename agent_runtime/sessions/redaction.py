"""Makes what was typed, and regions of the screen, unreadable before a session is written. Writes nothing.

Typed text hides in many places: in the action, in the utterance, in later prompts, in the goal that asked for it and
in the token ids. So every quoted string of an utterance that is not a word of its grammar is masked; an utterance that
is malformed, or in a grammar other than json and auto-ui, is masked whole; token ids are left out; and the task's
parameters and all that was typed in an episode are masked wherever they occur in its later lines. What the screen
shows is masked only where a region says so.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import replace

from agent_runtime.actions import Action, Malformed, OpenApp, TypeText
from agent_runtime.sessions.pictures import blackened
from agent_runtime.sessions.recording import EpisodeEnd, Redaction
from agent_runtime.trajectory import EpisodeStart, Step

MASK = "▒"
_JSON_KEYS = frozenset(("thought", "action", "x", "y", "x2", "y2", "text", "key", "app", "seconds", "status"))
_JSON_VERBS = frozenset(("tap", "long_press", "swipe", "type", "press", "open_app", "wait", "finish"))
_JSON_WORDS = _JSON_KEYS | _JSON_VERBS | {"back", "home", "enter", "recents", "success", "infeasible"}
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_DECISION = re.compile(
    r'(Action Plan: )?(.*?)( ?;? ?Action Decision:\s*"action_type":\s*"[^"]*",\s*"touch_point":\s*")([^"]*)'
    r'(",\s*"lift_point":\s*")([^"]*)(",\s*"typed_text":\s*")(.*)("\s*)',
    re.DOTALL,
)
_PLAN = re.compile(r"[A-Z_\[\], ]*")
_POINT = re.compile(r"[\[\]\d., -]*")


class Redactor:
    """Redacts one session's records, in the order they are made."""

    def __init__(self, redaction: Redaction, action_grammar: str) -> None:
        self._redaction = redaction
        self._grammar = action_grammar
        self._secrets: set[str] = set()

    def start(self, start: EpisodeStart) -> EpisodeStart:
        """Return how an episode starts; what its task is about is secret from here on."""
        if not self._redaction.text:
            return start
        self._secrets = {value for value in start.task_params.values() if value}
        params = {name: masked(value) for name, value in start.task_params.items()}
        return replace(start, task_params=params, goal=self._hidden(start.goal))

    def step(self, step: Step) -> Step:
        """Return a step; what it types is secret from here on."""
        if self._redaction.regions:
            png = blackened(step.screenshot.png, self._redaction.regions)
            step = replace(step, screenshot=replace(step.screenshot, png=png))
        if not self._redaction.text:
            return step
        if isinstance(step.action, TypeText):
            self._secrets.add(step.action.text)
        utterance = self._hidden(self._without_strings(step.decision.utterance, step.action))
        decision = replace(step.decision, utterance=utterance, token_ids=())
        gate = None if step.gate is None else replace(step.gate, reason=self._hidden(step.gate.reason))
        prompt = self._hidden(step.prompt)
        return replace(step, prompt=prompt, decision=decision, action=self._action(step.action), gate=gate)

    def end(self, end: EpisodeEnd) -> EpisodeEnd:
        """Return how an episode ends."""
        return replace(end, void_reason=self._hidden(end.void_reason)) if self._redaction.text else end

    def _action(self, action: Action) -> Action:
        match action:
            case TypeText(text):
                return TypeText(masked(text))
            case Malformed(reason):
                return Malformed(masked(reason))
            case OpenApp(name):
                return OpenApp(self._hidden(name))
            case _:
                return action

    def _without_strings(self, utterance: str, action: Action) -> str:
        if not isinstance(action, Malformed):
            match self._grammar:
                case "json":
                    return _QUOTED.sub(_masked_unless_a_word, utterance)
                case "auto-ui":
                    return _without_auto_ui_strings(utterance)
        return masked(utterance)

    def _hidden(self, text: str) -> str:
        """Mask every occurrence of a secret, also as Python or JSON would quote it."""
        forms = sorted({form for secret in self._secrets for form in _forms(secret)}, key=len, reverse=True)
        if not forms:
            return text
        return re.sub("|".join(map(re.escape, forms)), lambda found: masked(found[0]), text, flags=re.IGNORECASE)


def masked(text: str) -> str:
    """Return as many masks as the text has characters."""
    return MASK * len(text)


def _forms(secret: str) -> Iterable[str]:
    return secret, repr(secret)[1:-1], json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]


def _masked_unless_a_word(found: re.Match[str]) -> str:
    return found[0] if found[1] in _JSON_WORDS else f'"{masked(found[1])}"'


def _without_auto_ui_strings(utterance: str) -> str:
    found = _DECISION.fullmatch(utterance)
    if found is None:
        return masked(utterance)
    label, plan, before, touch, between, lift, label_of_text, text, end = (part or "" for part in found.groups())
    plan = plan if _PLAN.fullmatch(plan) else masked(plan)
    touch, lift = (point if _POINT.fullmatch(point) else masked(point) for point in (touch, lift))
    return f"{label}{plan}{before}{touch}{between}{lift}{label_of_text}{masked(text)}{end}"
