"""The emulator console (`adb emu …`): greeting, token, commands; text in, text out, no I/O. Serves only what it names.

The forms are those of the Android emulator's console on the even port before the ADB port.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Final

from device_scripts.virtual_phone.device import VirtualDevice

_OK: Final = "OK\r\n"
_MAX_LINE_BYTES: Final = 4096
_WELCOME: Final = f"Android Console: type 'help' for a list of commands\r\n{_OK}"
_BAD_COMMAND: Final = "KO: unknown command, try 'help'\r\n"
_STATUSES: Final = {"unknown": 1, "charging": 2, "discharging": 3, "not-charging": 4, "full": 5}
_HELP: Final = {
    "help": "print a list of commands",
    "avd": "control virtual device execution: name, snapshot save|load|list|delete, status",
    "geo": "geo-location commands: fix LONGITUDE LATITUDE [ALTITUDE]",
    "kill": "kill the emulator instance",
    "ping": "check that the device is alive",
    "power": "power related commands: display, ac on|off, capacity PERCENT, status NAME",
    "quit": "quit control session",
    "rotate": "rotate the screen clockwise by 90 degrees",
    "sms": "SMS related commands: send PHONE_NUMBER MESSAGE",
}


class ConsoleSession:
    """One console connection. An empty token asks for none; `ended` says: close; `killed`: end the whole phone."""

    def __init__(self, device: VirtualDevice, token: str = "", token_path: str = "") -> None:
        self.ended = False
        self.killed = False
        self._device = device
        self._token = token
        self._token_path = token_path
        self._authorized = not token
        self._buffer = bytearray()

    def greeting(self) -> bytes:
        """Return what the console says first."""
        if self._authorized:
            # adb skips everything up to the second OK, whether or not it had to authenticate
            return _encode("Android Console: no authentication needed\r\n" + _OK + _WELCOME)
        return _encode(
            "Android Console: Authentication required\r\n"
            "Android Console: type 'auth <auth_token>' to authenticate\r\n"
            f"Android Console: you can find your <auth_token> in \r\n'{self._token_path}'\r\n" + _OK
        )

    def receive(self, data: bytes) -> bytes:
        """Take bytes and return the answers to the lines they complete."""
        self._buffer += data
        answers = ""
        while not self.ended and (end := self._buffer.find(b"\n")) >= 0:
            line = self._buffer[:end].decode("utf-8", "replace").strip()
            del self._buffer[: end + 1]
            answers += self._run(line) if line else ""
        if len(self._buffer) > _MAX_LINE_BYTES:
            self.ended = True
            answers += "KO: line too long\r\n"
        return _encode(answers)

    def _run(self, line: str) -> str:
        name, *args = line.split()
        if name in ("quit", "exit"):
            self.ended = True
            return ""
        if name == "auth":
            return self._authenticate(args)
        if not self._authorized:
            return _HELP_LOCKED if name == "help" else _BAD_COMMAND
        command = _COMMANDS.get(name)
        return _BAD_COMMAND if command is None else command(self, args)

    def _authenticate(self, args: list[str]) -> str:
        given = args[0] if args else ""
        if not hmac.compare_digest(given.encode(), self._token.encode()):
            self.ended = True
            return "KO: authentication token does not match ~/.emulator_console_auth_token\r\n"
        self._authorized = True
        return _WELCOME

    def _help(self, _args: list[str]) -> str:
        lines = "".join(f"    {name:<14} {text}\r\n" for name, text in sorted(_HELP.items()))
        return f"Android console commands:\r\n\r\n{lines}\r\n{_OK}"

    def _ping(self, _args: list[str]) -> str:
        return "I am alive!\r\n" + _OK

    def _kill(self, _args: list[str]) -> str:
        self.ended = self.killed = True
        return "OK: killing emulator, bye bye\r\n"

    def _avd(self, args: list[str]) -> str:
        if args == ["name"]:
            return f"{self._device.name}\r\n{_OK}"
        if args == ["status"]:
            return f"virtual device is running\r\n{_OK}"
        if args[:1] == ["snapshot"]:
            return self._snapshot(args[1:])
        return "KO: missing or bad sub-command: name, status, snapshot\r\n"

    def _snapshot(self, args: list[str]) -> str:
        if args[:1] == ["list"]:
            return self._list_snapshots()
        if len(args) != 2 or args[0] not in ("save", "load", "delete"):
            return "KO: usage: avd snapshot list|save|load|delete [NAME]\r\n"
        verb, name = args
        if verb == "save":
            self._device.save_snapshot(name)
            return _OK
        known = name in self._device.snapshots
        if known and verb == "load":
            self._device.load_snapshot(name)
        elif known:
            del self._device.snapshots[name]
        return _OK if known else f"KO: there is no snapshot named '{name}'\r\n"

    def _list_snapshots(self) -> str:
        if not self._device.snapshots:
            return f"There is no snapshot available.\r\n{_OK}"
        lines = "List of snapshots present on all disks:\r\n"
        lines += "ID        TAG                 VM SIZE                DATE\r\n"
        for name, kept in self._device.snapshots.items():
            when = datetime.fromtimestamp(kept.clock_ms // 1000, timezone.utc).strftime("%Y-%m-%d %H:%M:%S")
            lines += f"--        {name:<20}0 B {when:>28}\r\n"
        return lines + _OK

    def _geo(self, args: list[str]) -> str:
        numbers = [_number(word) for word in args[1:4]]
        if args[:1] != ["fix"] or len(numbers) < 2 or None in numbers:
            return "KO: usage: geo fix LONGITUDE LATITUDE [ALTITUDE]\r\n"
        longitude, latitude, altitude = [number or 0.0 for number in [*numbers, 0.0][:3]]
        if not (-180 <= longitude <= 180 and -90 <= latitude <= 90):
            return "KO: longitude must lie within -180..180 and latitude within -90..90\r\n"
        self._device.location = (longitude, latitude, altitude)
        return _OK

    def _power(self, args: list[str]) -> str:
        battery = self._device.phone.state.battery
        verb, value = [*args, "", ""][:2]
        if verb == "display":
            status = next((name for name, code in _STATUSES.items() if code == battery.status), "unknown")
            on_ac = "online" if battery.ac_powered else "offline"
            health = "health: Good\r\npresent: true"
            return f"AC: {on_ac}\r\nstatus: {status}\r\n{health}\r\ncapacity: {battery.level}\r\n{_OK}"
        if verb == "ac" and value in ("on", "off"):
            battery.ac_powered = value == "on"
        elif verb == "capacity" and value.isdecimal() and int(value) <= 100:
            battery.level = int(value)
        elif verb == "status" and value in _STATUSES:
            battery.status = _STATUSES[value]
        else:
            return "KO: usage: power display | ac on|off | capacity 0..100 | status NAME\r\n"
        return _OK

    def _sms(self, args: list[str]) -> str:
        if len(args) < 3 or args[0] != "send":
            return "KO: missing argument, try 'sms send <phonenumber> <text message>'\r\n"
        self._device.receive_message(args[1], " ".join(args[2:]))
        return _OK

    def _rotate(self, _args: list[str]) -> str:
        phone = self._device.phone
        phone.set_rotation(phone.state.rotation + 1)
        return _OK


_HELP_LOCKED: Final = f"Android console commands:\r\n\r\n    auth, help, quit\r\n\r\n{_OK}"
_COMMANDS: Final[dict[str, Callable[[ConsoleSession, list[str]], str]]] = {
    "help": ConsoleSession._help,
    "ping": ConsoleSession._ping,
    "kill": ConsoleSession._kill,
    "avd": ConsoleSession._avd,
    "geo": ConsoleSession._geo,
    "power": ConsoleSession._power,
    "sms": ConsoleSession._sms,
    "rotate": ConsoleSession._rotate,
}


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if abs(value) < 1e6 else None


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "replace")
