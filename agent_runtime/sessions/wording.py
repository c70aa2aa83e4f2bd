"""Actions in a few words, for people. Parses nothing."""

from agent_runtime.actions import Action, Finish, LongPress, Malformed, OpenApp, PressKey, Swipe, Tap, TypeText, Wait


def action_words(action: Action) -> str:
    """Say an action in a few words."""
    match action:
        case Tap(x, y):
            return f"tap {x:.3f}, {y:.3f}"
        case LongPress(x, y):
            return f"long press {x:.3f}, {y:.3f}"
        case Swipe(x0, y0, x1, y1):
            return f"swipe {x0:.3f}, {y0:.3f} → {x1:.3f}, {y1:.3f}"
        case TypeText(text):
            return f"type “{text}”"
        case PressKey(key):
            return f"press {key.value}"
        case OpenApp(name):
            return f"open {name}"
        case Wait(seconds):
            return f"wait {seconds:g} s"
        case Finish(succeeded):
            return "finish: success" if succeeded else "finish: infeasible"
        case Malformed(reason):
            return f"malformed: {reason}"
