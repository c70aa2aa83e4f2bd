"""AutoGLM's grammar. Knows no model and no device.

    <think>The app is not open yet.</think>
    <answer>do(action="Launch", app="Settings")</answer>

Coordinates are thousandths of the screen. The tags may be missing, and so may the last one. Typed text is taken as it
stands, up to the call's last quote, without escapes: the authors' client does the same. That client also empties the
field before it types, which nothing does here. `finish` ends a task whether it went well or not; it is read as success.
"""

import re
from collections.abc import Callable, Mapping

from agent_runtime.actions.calls import fields_of, quoted
from agent_runtime.actions.places import Space
from agent_runtime.actions.reading import field_of, no_words_for, seconds_of, text_of, without_marker
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

_SPACE = Space(1000, 1000)
_OPENS, _CLOSES = "<answer>", "</answer>"
_CALL = re.compile(r"do\(\s*action\s*=|finish\(")
_TYPE = re.compile(
    r"""do\(\s*action\s*=\s*(["'])Type(?:_Name)?\1\s*,\s*text\s*=\s*(["'])(?P<text>.*)\2\s*\)""", re.DOTALL
)
_VERB = re.compile(r"""do\(\s*action\s*=\s*(["'])(?P<verb>.*?)\1""")
_FINISH = re.compile(r"finish\(.*\)", re.DOTALL)
Fields = Mapping[str, object]


class AutoGlmGrammar:
    """`do(action=…)` or `finish(message=…)` between tags; see the module's docstring."""

    name = "autoglm"
    instruction = (
        "You operate an Android phone. Think between <think> and </think>, then answer between <answer> and </answer> "
        'with one of: do(action="Launch", app="…") | do(action="Tap", element=[x,y]) | '
        'do(action="Long Press", element=[x,y]) | do(action="Swipe", start=[x,y], end=[x,y]) | '
        'do(action="Type", text="…") | do(action="Back") | do(action="Home") | '
        'do(action="Wait", duration="2 seconds") | finish(message="…"). x and y run from 0 to 999.'
    )

    def parse(self, utterance: str) -> Action:
        """Read the action; total: text outside the grammar gives ``Malformed`` with the reason."""
        verb = ""
        try:
            call = _call_in(utterance)
            if _FINISH.fullmatch(call):
                return Finish(True)
            typed = _TYPE.fullmatch(call)
            if typed is not None:
                verb = "Type"
                return TypeText(text_of(typed["text"]))
            named = _VERB.match(call)
            if named is None or named["verb"] not in _READERS:
                return Malformed(f"unknown action {named['verb'] if named else call!r:.80}")
            verb = named["verb"]
            return _READERS[verb](fields_of(call))
        except ValueError as error:
            return Malformed(f"{verb}: {error}" if verb else str(error))

    def render(self, action: Action, thought: str = "") -> str:
        """Write the action so that ``parse`` gives it back to within half a per-mille.

        Raises:
            ValueError: there are no words for ``Malformed``, for giving up, for Enter and the key of running apps, and
                for a text with the answer's tags in it.
        """
        call = _written(action)
        if _OPENS in call or _CLOSES in call:
            raise no_words_for(self.name, action)
        plain = without_marker(without_marker(thought, _OPENS), _CLOSES)
        return f"<think>{plain}</think>\n{_OPENS}{call}{_CLOSES}"


def _call_in(utterance: str) -> str:
    """Return what stands in the one answer, or from the first call on where there is no tag."""
    if max(utterance.count(_OPENS), utterance.count(_CLOSES)) > 1:
        raise ValueError("more than one answer")
    _, tag, answer = utterance.partition(_OPENS)
    if not tag:
        found = _CALL.search(utterance)
        if found is None:
            raise ValueError("neither do(…) nor finish(…)")
        answer = utterance[found.start() :]
    call, _, rest = answer.partition(_CLOSES)
    if rest.strip():
        raise ValueError(f"{rest.strip()[:40]!r} follows the answer")
    return call.strip()


def _point(fields: Fields, name: str) -> tuple[float, float]:
    numbers = field_of(fields, name)
    if not isinstance(numbers, list) or len(numbers) != 2:
        raise ValueError(f"the {name} {numbers!r:.80} is not [x, y]")
    return _SPACE.point(numbers)


def _wait(fields: Fields) -> Action:
    duration = field_of(fields, "duration")
    if isinstance(duration, str):
        try:
            duration = float(duration.strip().removesuffix("seconds").removesuffix("second"))
        except ValueError as error:
            raise ValueError(f"{duration!r:.80} is no duration") from error
    return Wait(seconds_of(duration))


_READERS: dict[str, Callable[[Fields], Action]] = {
    "Launch": lambda fields: OpenApp(text_of(field_of(fields, "app"))),
    "Tap": lambda fields: Tap(*_point(fields, "element")),
    "Long Press": lambda fields: LongPress(*_point(fields, "element")),
    "Swipe": lambda fields: Swipe(*_point(fields, "start"), *_point(fields, "end")),
    "Back": lambda fields: PressKey(Key.BACK),
    "Home": lambda fields: PressKey(Key.HOME),
    "Wait": _wait,
}


def _written(action: Action) -> str:
    match action:
        case OpenApp(name):
            return f'do(action="Launch", app={_double_quoted(name)})'
        case Tap(x, y):
            return f'do(action="Tap", element={_xy(x, y)})'
        case LongPress(x, y):
            return f'do(action="Long Press", element={_xy(x, y)})'
        case Swipe(x0, y0, x1, y1):
            return f'do(action="Swipe", start={_xy(x0, y0)}, end={_xy(x1, y1)})'
        case TypeText(text):
            return f'do(action="Type", text="{text}")'
        case PressKey(Key.BACK):
            return 'do(action="Back")'
        case PressKey(Key.HOME):
            return 'do(action="Home")'
        case Wait(seconds):
            return f'do(action="Wait", duration="{seconds} seconds")'
        case Finish(True):
            return 'finish(message="The task is done.")'
        case _:
            raise no_words_for(AutoGlmGrammar.name, action)


def _double_quoted(text: str) -> str:
    return quoted(text, '"')


def _xy(x_norm: float, y_norm: float) -> str:
    x, y = _SPACE.whole(x_norm, y_norm)
    return f"[{x},{y}]"
