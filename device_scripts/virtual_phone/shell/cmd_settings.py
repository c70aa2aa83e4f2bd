"""Shell commands about settings, properties, radios and keyboards: settings getprop setprop svc ime."""

from __future__ import annotations

from typing import Final

from device_scripts.virtual_phone.errors import PhoneError
from device_scripts.virtual_phone.language import DEFAULT_LOCALE, LOCALE_KEY
from device_scripts.virtual_phone.phone_api import PhoneLike
from device_scripts.virtual_phone.shell.interpreter import CommandFunction, Context

_BAD_STATUS: Final = 255
_NAMESPACES: Final = ("system", "secure", "global")
_SETTINGS_USAGE: Final = """Settings provider (settings) commands:
  get [--user <USER_ID> | current] NAMESPACE KEY
  put [--user <USER_ID> | current] NAMESPACE KEY VALUE [TAG] [default]
  delete [--user <USER_ID> | current] NAMESPACE KEY
  list [--user <USER_ID> | current] NAMESPACE
  NAMESPACE is one of {system, secure, global}, case-insensitive"""
_FONT_SCALES: Final = (0.5, 2.0)
_LOCALE_PROPERTY: Final = "persist.sys.locale"
_RADIOS: Final = {"wifi": "wifi_on", "bluetooth": "bluetooth_on", "nfc": "nfc_on"}
_WANTED_COUNT: Final = {"get": 2, "put": 3, "delete": 2, "list": 1}


def settings(ctx: Context) -> int:
    """Run `settings get|put|delete|list`."""
    args = list(ctx.args)
    if "--user" in args:
        at = args.index("--user")
        del args[at : at + 2]
    verb, *rest = args or [""]
    if verb not in _WANTED_COUNT:
        return ctx.fail(f"Unknown command: {verb}\n{_SETTINGS_USAGE}" if verb else _SETTINGS_USAGE, _BAD_STATUS)
    if len(rest) < _WANTED_COUNT[verb]:
        return ctx.fail(f"Bad arguments\n{_SETTINGS_USAGE}", _BAD_STATUS)
    namespace = rest[0].lower()
    if namespace not in _NAMESPACES:
        return ctx.fail(f"Invalid namespace '{rest[0]}'\n{_SETTINGS_USAGE}", _BAD_STATUS)
    return _run_settings(ctx, verb, namespace, rest[1:])


def _run_settings(ctx: Context, verb: str, namespace: str, rest: list[str]) -> int:
    phone = ctx.device.phone
    if verb == "get":
        value = phone.settings_get(namespace, rest[0])
        ctx.print("null" if value is None else value)
    elif verb == "put":
        if not _is_valid(rest[0], rest[1]):
            problem = f"java.lang.IllegalArgumentException: Invalid value: {rest[1]} for setting: {rest[0]}"
            return ctx.fail(f"\nException occurred while executing 'put':\n{problem}", _BAD_STATUS)
        phone.settings_put(namespace, rest[0], rest[1])
        _apply_rotation(phone, namespace)
    elif verb == "delete":
        existed = phone.settings_get(namespace, rest[0]) is not None
        if existed:
            phone.settings_delete(namespace, rest[0])
        ctx.print(f"Deleted {int(existed)} rows")
    else:
        for key, value in sorted(phone.settings_list(namespace).items()):
            ctx.print(f"{key}={value}")
    return 0


def _is_valid(key: str, value: str) -> bool:
    """Return what SettingsProvider's validators would: only a font scale can do harm here."""
    if key != "font_scale":
        return True
    try:
        return _FONT_SCALES[0] <= float(value) <= _FONT_SCALES[1]
    except ValueError:
        return False


def _apply_rotation(phone: PhoneLike, namespace: str) -> None:
    """Turn the phone to `user_rotation` while automatic rotation is off, as the window manager does."""
    if namespace == "system" and phone.settings_get("system", "accelerometer_rotation") == "0":
        wanted = phone.settings_get("system", "user_rotation") or ""
        if wanted in ("0", "1", "2", "3") and int(wanted) != phone.state.rotation:
            phone.set_rotation(int(wanted))


def getprop(ctx: Context) -> int:
    """Print a property (or its given default), or all of them as `[name]: [value]`."""
    properties = {**ctx.device.properties, _LOCALE_PROPERTY: _locale(ctx)}
    if ctx.args:
        default = ctx.args[1] if len(ctx.args) > 1 else ""
        ctx.print(properties.get(ctx.args[0], default))
        return 0
    for name, value in sorted(properties.items()):
        ctx.print(f"[{name}]: [{value}]")
    return 0


def _locale(ctx: Context) -> str:
    """Return the first of the locales that the settings list, which is what the phone speaks."""
    return (ctx.device.phone.settings_get("system", LOCALE_KEY) or DEFAULT_LOCALE).partition(",")[0]


def setprop(ctx: Context) -> int:
    """Set a property; `ro.` ones cannot be. The locale's is the settings', so that there is one language."""
    if len(ctx.args) != 2:
        return ctx.fail("usage: setprop NAME VALUE")
    name, value = ctx.args
    if name.startswith("ro."):
        return ctx.fail(f"Failed to set property '{name}' to '{value}'.\nSee dmesg for error reason.")
    if name == _LOCALE_PROPERTY:
        ctx.device.phone.settings_put("system", LOCALE_KEY, value)
    else:
        ctx.device.properties[name] = value
    return 0


def svc(ctx: Context) -> int:
    """Switch a radio (`svc wifi enable`), or keep the screen on (`svc power stayon true`)."""
    service, verb, *_ = [*ctx.args, "", ""]
    if service in _RADIOS and verb in ("enable", "disable"):
        ctx.device.phone.settings_put("global", _RADIOS[service], str(int(verb == "enable")))
        return 0
    if (service == "power" and verb == "stayon") or (service == "data" and verb in ("enable", "disable")):
        return 0
    return ctx.fail("Available commands:\n    bluetooth\n    data\n    nfc\n    power\n    wifi")


def ime(ctx: Context) -> int:
    """List and choose keyboards."""
    verb, *rest = ctx.args or [""]
    operands = [word for word in rest if not word.startswith("-")]
    phone = ctx.device.phone
    if verb == "list":
        return _list_keyboards(ctx, rest)
    if verb == "reset":
        phone.ime_set(phone.ime_list()[0])
        ctx.print(f"Reset current and enabled IMEs for user #0\n  Newly selected IMEs:\n    {phone.ime_current()}")
        return 0
    if verb not in ("set", "enable", "disable") or not operands:
        return ctx.fail("ime <command>:\n  list [-a] [-s]\n  enable ID\n  disable ID\n  set ID\n  reset", _BAD_STATUS)
    if operands[0] not in phone.ime_list():
        problem = "cannot be selected" if verb == "set" else "cannot be enabled"
        return ctx.fail(f"Unknown input method {operands[0]} {problem} for user #0", _BAD_STATUS)
    return _change_keyboard(ctx, verb, operands[0])


def _change_keyboard(ctx: Context, verb: str, keyboard: str) -> int:
    if verb == "set":
        try:
            ctx.device.phone.ime_set(keyboard)
        except PhoneError as error:
            return ctx.fail(str(error), _BAD_STATUS)
        ctx.print(f"Input method {keyboard} selected for user #0")
    else:
        ctx.print(f"Input method {keyboard}: now {verb}d for user #0")
    return 0


def _list_keyboards(ctx: Context, options: list[str]) -> int:
    for keyboard in ctx.device.phone.ime_list():
        ctx.print(keyboard if "-s" in options else f"{keyboard}:\n  mId={keyboard} mSettingsActivityName=null")
    return 0


COMMANDS: Final[dict[str, CommandFunction]] = {
    "settings": settings, "getprop": getprop, "setprop": setprop, "svc": svc, "ime": ime,
}  # fmt: skip
