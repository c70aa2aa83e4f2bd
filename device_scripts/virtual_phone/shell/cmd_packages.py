"""`pm` and `cmd package`: list, path, clear, resolve; of installing, only what the phone's own store offers.

Texts follow PackageManagerShellCommand.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from device_scripts.virtual_phone.errors import PhoneError
from device_scripts.virtual_phone.shell.interpreter import CommandFunction, Context

_BAD_STATUS: Final = 255
_SYSTEM_PREFIX: Final = "com.android."
_FIRST_APP_UID: Final = 10100
_LIST_OPTIONS_WITH_VALUE: Final = ("--user", "--uid")
INSTALL_REFUSED: Final = "Failure [INSTALL_FAILED_USER_RESTRICTED: this phone has a fixed set of apps]"
_FEATURES: Final = ("android.hardware.touchscreen", "android.software.input_methods", "android.software.home_screen")


def pm(ctx: Context) -> int:
    """Run one package-manager command."""
    name, *rest = ctx.args or [""]
    function = _COMMANDS.get(name)
    if function is None:
        known = ", ".join(sorted(_COMMANDS))
        problem = f"Unknown command: {name}\n" if name else ""
        return ctx.fail(f"{problem}Package manager (package) commands: {known}", _BAD_STATUS)
    return function(ctx, rest)


def is_system(package: str) -> bool:
    """Return whether a package belongs to the system image."""
    return package == "android" or package.startswith(_SYSTEM_PREFIX)


def apk_path(package: str) -> str:
    """Return where the package's apk would be."""
    if is_system(package):
        name = package.rpartition(".")[2].capitalize()
        return f"/system/app/{name}/{name}.apk"
    return f"/data/app/~~virtual==/{package}-1/base.apk"


def package_uid(ctx: Context, package: str) -> int:
    """Return the package's user id: fixed by its place in the list."""
    return _FIRST_APP_UID + sorted(ctx.device.phone.packages()).index(package)


def _list(ctx: Context, args: list[str]) -> int:
    kind, *rest = args or [""]
    if kind in ("packages", "package"):
        return _list_packages(ctx, rest)
    if kind == "features":
        for feature in _FEATURES:
            ctx.print(f"feature:{feature}")
        return 0
    if kind == "users":
        ctx.print("Users:\n\tUserInfo{0:Owner:c13} running")
        return 0
    if kind in ("instrumentation", "permission-groups", "libraries"):
        return 0
    return ctx.fail(f"Error: unknown list type '{kind}'", _BAD_STATUS)


def _list_packages(ctx: Context, args: list[str]) -> int:
    """Print `package:NAME` lines; options -f -i -U -s -3 -d -e, and a filter by part of the name."""
    flags = {word for word in args if word.startswith("-")}
    words = iter(args)
    wanted = ""
    for word in words:
        if word in _LIST_OPTIONS_WITH_VALUE:
            next(words, None)
        elif not word.startswith("-"):
            wanted = word
    for package in sorted(ctx.device.phone.packages()):
        hidden = "-d" in flags or ("-s" in flags and not is_system(package)) or ("-3" in flags and is_system(package))
        if not hidden and wanted in package:
            ctx.print(_package_line(ctx, package, flags))
    return 0


def _package_line(ctx: Context, package: str, flags: set[str]) -> str:
    line = f"package:{apk_path(package)}={package}" if "-f" in flags else f"package:{package}"
    line += "  installer=null" if "-i" in flags else ""
    return line + (f" uid:{package_uid(ctx, package)}" if "-U" in flags else "")


def _path(ctx: Context, args: list[str]) -> int:
    package = args[-1] if args else ""
    if package not in ctx.device.phone.packages():
        return 1
    ctx.print(f"package:{apk_path(package)}")
    return 0


def _clear(ctx: Context, args: list[str]) -> int:
    package = args[-1] if args else ""
    if package not in ctx.device.phone.packages():
        return ctx.fail("Failed")
    ctx.device.phone.clear_package(package)
    ctx.print("Success")
    return 0


def _refuse_install(ctx: Context, _args: list[str]) -> int:
    ctx.print(INSTALL_REFUSED)
    return 1


def _install_existing(ctx: Context, args: list[str]) -> int:
    """Install an app of the store, as for a package that is on the system image but not there for the user."""
    package = args[-1] if args else ""
    try:
        ctx.device.phone.install(package)
    except PhoneError:
        return ctx.fail(f"android.content.pm.PackageManager$NameNotFoundException: Package {package} doesn't exist", 1)
    ctx.print(f"Package {package} installed for user: 0")
    return 0


def _uninstall(ctx: Context, args: list[str]) -> int:
    try:
        ctx.device.phone.uninstall(args[-1] if args else "")
    except PhoneError:
        ctx.print("Failure [DELETE_FAILED_INTERNAL_ERROR]")
        return 1
    ctx.print("Success")
    return 0


def _resolve_activity(ctx: Context, args: list[str]) -> int:
    """Print the launcher activity of the package named last, if it has one."""
    package = args[-1] if args else ""
    component = ctx.device.phone.launcher_activities().get(package)
    if component is None:
        ctx.print("No activity found")
        return 0
    ctx.print("priority=0 preferredOrder=0 match=0x108000 specificIndex=-1 isDefault=true")
    ctx.print(component)
    return 0


def _change_state(ctx: Context, args: list[str]) -> int:
    """Refuse grant, disable and the like for packages and rights that cannot change here."""
    package = next((word for word in args if "." in word), "")
    return ctx.fail(f"Error: {package or 'no package'} cannot be changed on this phone", _BAD_STATUS)


_COMMANDS: Final[dict[str, Callable[[Context, list[str]], int]]] = {
    "list": _list, "path": _path, "clear": _clear, "install": _refuse_install, "install-create": _refuse_install,
    "install-existing": _install_existing, "install-write": _refuse_install, "install-commit": _refuse_install,
    "uninstall": _uninstall, "resolve-activity": _resolve_activity, "grant": _change_state,
    "revoke": _change_state, "enable": _change_state, "disable": _change_state, "disable-user": _change_state,
    "hide": _change_state, "unhide": _change_state,
}  # fmt: skip

COMMANDS: Final[dict[str, CommandFunction]] = {"pm": pm}
