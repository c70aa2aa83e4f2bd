"""Intent arguments of `am` as data. Source: android.content.Intent.parseCommandArgs. Starts nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

_EXTRA_OPTIONS: Final = {
    "-e": 2, "--es": 2, "--ez": 2, "--ei": 2, "--el": 2, "--ef": 2, "--eu": 2, "--ecn": 2, "--eia": 2, "--esa": 2,
    "--esn": 1, "--ela": 2, "--efa": 2, "--esal": 2, "--eial": 2,
}  # fmt: skip
_OPTIONS_WITH_VALUE: Final = (
    "-t", "-f", "-i", "--user", "--display", "--windowingMode", "--activityType", "--receiver-permission", "-R", "-P",
)  # fmt: skip


class IntentError(Exception):
    """Arguments `am` throws at; its text is the Java exception's."""


@dataclass(slots=True)
class Intent:
    """What `am start` or `am broadcast` was asked for."""

    action: str = ""
    data_uri: str = ""
    component: str = ""
    package: str = ""
    categories: list[str] = field(default_factory=list)
    extras: dict[str, str] = field(default_factory=dict)
    wait: bool = False
    stop_first: bool = False

    def describe(self) -> str:
        """Return the form Intent.toString prints, with a URL's path hidden as Android does."""
        parts = [
            f"act={self.action}" if self.action else "",
            f"cat=[{','.join(self.categories)}]" if self.categories else "",
            f"dat={_redacted(self.data_uri)}" if self.data_uri else "",
            f"pkg={self.package}" if self.package else "",
            f"cmp={short_component(self.component)}" if self.component else "",
            "(has extras)" if self.extras else "",
        ]
        return f"Intent {{ {' '.join(part for part in parts if part)} }}"


def parse_intent(args: list[str]) -> Intent:
    """Return the intent in `args`; IntentError for an option without its value or a name that is no component."""
    intent = Intent()
    words = iter(args)

    def value(option: str) -> str:
        found = next(words, None)
        if found is None:
            raise IntentError(f'java.lang.IllegalArgumentException: Argument expected after "{option}"')
        return found

    for word in words:
        if word in _EXTRA_OPTIONS:
            name = value(word)
            intent.extras[name] = value(word) if _EXTRA_OPTIONS[word] == 2 else ""
        elif word in _OPTIONS_WITH_VALUE:
            value(word)
        elif word in ("-a", "-d", "-n", "-p", "-c"):
            _set_field(intent, word, value(word))
        elif word == "-W":
            intent.wait = True
        elif word == "-S":
            intent.stop_first = True
        elif not word.startswith("-"):
            _set_positional(intent, word)
    return intent


def _set_field(intent: Intent, option: str, value: str) -> None:
    if option == "-a":
        intent.action = value
    elif option == "-d":
        intent.data_uri = value
    elif option == "-p":
        intent.package = value
    elif option == "-c":
        intent.categories.append(value)
    else:
        package, slash, name = value.partition("/")
        if not (package and slash and name):
            raise IntentError(f"java.lang.IllegalArgumentException: Bad component name: {value}")
        intent.component = value


def _set_positional(intent: Intent, word: str) -> None:
    """A bare word is a URI, a component or a package (Intent.parseCommandArgs, at its end)."""
    if ":" in word:
        intent.data_uri = word
        intent.action = intent.action or "android.intent.action.VIEW"
    elif "/" in word:
        intent.component = word
    else:
        intent.package = word


def short_component(component: str) -> str:
    """Return `pkg/.Name` for `pkg/pkg.Name` (ComponentName.flattenToShortString)."""
    package, _, name = component.partition("/")
    return f"{package}/{name.removeprefix(package)}" if name.startswith(package + ".") else component


def long_component(component: str) -> str:
    """Return `pkg/pkg.Name` for `pkg/.Name` (ComponentName.flattenToString)."""
    package, _, name = component.partition("/")
    return f"{package}/{package}{name}" if name.startswith(".") else component


def _redacted(uri: str) -> str:
    """Return scheme and host with the path hidden (Uri.toSafeString)."""
    scheme, separator, rest = uri.partition("://")
    if not separator:
        return uri
    host, slash, path = rest.partition("/")
    return f"{scheme}://{host}{slash}{'...' if path else ''}"
