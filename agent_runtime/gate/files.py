"""Presets and files of rules, and the choice between them for a device. Holds no rule's meaning."""

import json
from collections.abc import Collection
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from agent_runtime.devices.base import Device
from agent_runtime.errors import DeviceError, UsageError
from agent_runtime.gate.device import Confirm, GatedDevice
from agent_runtime.gate.rules import RULES, GateRules
from agent_runtime.gate.typed_text import SECRETS
from agent_runtime.gate.words import LANGUAGES, VERBS, plain

EMULATOR = GateRules()
STRICT = GateRules(
    packages=frozenset(
        (
            *("com.android.launcher3", "com.google.android.apps.nexuslauncher", "com.android.settings"),
            *("com.google.android.deskclock", "com.android.deskclock", "com.google.android.calculator"),
            *("com.android.calculator2", "org.example.notes", "com.android.browser", "com.android.chrome"),
        )
    ),
    verbs=frozenset(VERBS),
    secrets=frozenset(SECRETS),
    steps=50,
    taps=40,
)
PRESETS = {"emulator": EMULATOR, "strict": STRICT}
_CHOICES: dict[str, Collection[str] | None] = {
    "packages": None,
    "verbs": tuple(VERBS),
    "words": None,
    "secrets": SECRETS,
    "confirm": RULES,
}
_MAX_FILE_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class GateChoice:
    """What the command line says: a preset or a file, whether real phones may be used, and who can be asked."""

    gate: str | None = None
    allow_physical: bool = False
    confirm: Confirm | None = None


def gated(device: Device, choice: GateChoice) -> GatedDevice:
    """Return the device behind its gate. Where none is named: `emulator` on an emulator, `strict` on a phone.

    Raises:
        UsageError: the device must not be used, or there are no such rules.
        DeviceError: the device does not answer.
    """
    named = None if choice.gate is None else rules_named(choice.gate)
    probe = GatedDevice(device, EMULATOR, allow_physical=choice.allow_physical)
    try:
        probe.require_emulator()
    except DeviceError as error:
        raise UsageError(str(error)) from error
    rules = named or (EMULATOR if probe.is_emulator() else STRICT)
    language = probe.language()
    if rules.verbs and not rules.words and language.partition("-")[0].lower() not in LANGUAGES:
        raise UsageError(
            f"Got {device.serial} in the language {language or 'it does not tell'}, expected one whose verbs the gate "
            f"knows ({', '.join(LANGUAGES)}): change its language, or give words of it in a gate file."
        )
    return GatedDevice(device, rules, allow_physical=choice.allow_physical, confirm=choice.confirm)


def rules_named(name: str) -> GateRules:
    """Return a preset, or the rules of a JSON file (docs/gate.md).

    Raises:
        UsageError: there is neither, or the file is not of that form.
    """
    if name in PRESETS:
        return PRESETS[name]
    path = Path(name)
    try:
        if path.stat().st_size > _MAX_FILE_BYTES:
            raise UsageError(f"Got {path} with over {_MAX_FILE_BYTES} bytes, expected a file of rules: shorten it.")
        entries = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(
            f"Got no gate from {name!r} ({error}), expected {', '.join(PRESETS)} or a JSON file: choose one."
        ) from error
    return _rules(path, entries)


def _rules(path: Path, entries: object) -> GateRules:
    known = {"extends", *(field.name for field in fields(GateRules))}
    if not isinstance(entries, dict) or not set(entries) <= known:
        raise UsageError(
            f"Got {path} with other fields than {', '.join(sorted(known))}, expected an object of these: correct it."
        )
    base = entries.pop("extends", "strict")
    if not isinstance(base, str) or base not in PRESETS:
        raise UsageError(f"Got {path} extending {base!r:.80}, expected {' or '.join(PRESETS)}: correct it.")
    values: dict[str, Any] = {name: _value(path, name, value) for name, value in entries.items()}
    return replace(PRESETS[base], **values)


def _value(path: Path, name: str, value: object) -> frozenset[str] | int | None:
    if value is None and name in ("packages", "steps", "taps"):
        return None
    if name in ("steps", "taps"):
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise UsageError(f"Got {name} {value!r:.80} in {path}, expected a whole number from 0 or null: correct it.")
        return value
    allowed = _CHOICES[name]
    if not isinstance(value, list) or not all(isinstance(item, str) and item.strip() for item in value):
        raise UsageError(f"Got {name} {value!r:.80} in {path}, expected a list of texts: correct it.")
    for item in value:
        if name == "words" and not plain(item).strip():
            raise UsageError(f"Got {item!r:.80} in words of {path}, expected words with a letter in each: correct it.")
        if allowed is not None and item not in allowed:
            raise UsageError(f"Got {item!r:.80} in {name} of {path}, expected of {', '.join(allowed)}: correct it.")
    return frozenset(value)
