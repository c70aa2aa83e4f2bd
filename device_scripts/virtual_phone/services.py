"""From a service string such as `shell:ls` to something that talks on the stream. Does no I/O and keeps no connection.

Source: AOSP packages/modules/adb, docs/dev/services.md (local services).
"""

from __future__ import annotations

import struct
from collections import deque
from typing import Final, Protocol

from device_scripts.virtual_phone.adb_wire import shell_protocol
from device_scripts.virtual_phone.adb_wire.shell_protocol import ShellPacketReader
from device_scripts.virtual_phone.adb_wire.sync import SyncSession
from device_scripts.virtual_phone.device import VirtualDevice
from device_scripts.virtual_phone.errors import WireError
from device_scripts.virtual_phone.faulty_phone import FaultyPhone
from device_scripts.virtual_phone.faulty_service import FaultyService
from device_scripts.virtual_phone.shell.commands import COMMANDS
from device_scripts.virtual_phone.shell.faulty_commands import faulty_commands
from device_scripts.virtual_phone.shell.interpreter import Shell
from device_scripts.virtual_phone.shell.jobs import ShellJob, is_interactive, start_job
from device_scripts.virtual_phone.shell.pty import TerminalOutput, TerminalShell

FEATURES: Final = ("shell_v2", "cmd", "stat_v2", "ls_v2", "fixed_push_mkdir", "sendrecv_v2")
_FRAMEBUFFER_HEADER: Final = struct.Struct("<14I")
_FRAMEBUFFER_VERSION: Final = 2
_BITS_PER_PIXEL: Final = 32
_COLOR_SPACE_SRGB: Final = 1


class Service(Protocol):
    """One stream's conversation. `pull` returns the next piece of output, or None when there is none now."""

    @property
    def finished(self) -> bool: ...
    def receive(self, data: bytes) -> None: ...
    def peer_closed(self) -> None: ...
    def pull(self) -> bytes | None: ...


class ReplyService:
    """Says its pieces and closes; takes no notice of input. Serves framebuffer:, root:, reverse: and the like."""

    def __init__(self, *pieces: bytes) -> None:
        self._pieces = deque(pieces)

    @property
    def finished(self) -> bool:
        return not self._pieces

    def receive(self, data: bytes) -> None:
        """Ignore input."""

    def peer_closed(self) -> None:
        """Nothing is left to do."""

    def pull(self) -> bytes | None:
        """Return the next piece."""
        return self._pieces.popleft() if self._pieces else None


class RawShellService:
    """`shell:` and `exec:`: standard output and error in one stream, no exit status."""

    def __init__(self, job: ShellJob) -> None:
        self._job = job

    @property
    def finished(self) -> bool:
        return self._job.finished

    def receive(self, data: bytes) -> None:
        """Feed standard input."""
        self._job.feed(data)

    def peer_closed(self) -> None:
        """Let the job know."""
        self._job.hang_up()

    def pull(self) -> bytes | None:
        """Return the next piece of output."""
        piece = self._job.pull()
        return None if piece is None else piece[1]


class PacketShellService:
    """`shell,v2:`: packets for both directions, ended by the exit status."""

    def __init__(self, job: ShellJob) -> None:
        self._job = job
        self._reader = ShellPacketReader()
        self._next: bytes | None = None
        self._exit_sent = False

    @property
    def finished(self) -> bool:
        return self._exit_sent

    def receive(self, data: bytes) -> None:
        """Take packets; window sizes are of no interest here."""
        for packet in self._reader.feed(data):
            if packet.packet_id == shell_protocol.STDIN:
                self._job.feed(packet.data)
            elif packet.packet_id == shell_protocol.CLOSE_STDIN:
                self._job.end_input()

    def peer_closed(self) -> None:
        """Let the job know."""
        self._job.hang_up()

    def pull(self) -> bytes | None:
        """Return a packet's header, then its data, so that a large piece is not copied."""
        if self._next is not None:
            data, self._next = self._next, None
            return data
        piece = self._job.pull()
        if piece is not None:
            self._next = piece[1]
            return shell_protocol.pack_header(piece[0], len(piece[1]))
        if self._job.finished and not self._exit_sent:
            self._exit_sent = True
            return shell_protocol.pack_header(shell_protocol.EXIT, 1) + bytes([self._job.status & 0xFF])
        return None


class SyncService:
    """`sync:` over the device's files."""

    def __init__(self, device: VirtualDevice) -> None:
        self._session = SyncSession(device.files, device.now_sec)

    @property
    def finished(self) -> bool:
        return self._session.finished and self._session.is_idle

    def receive(self, data: bytes) -> None:
        """Take requests."""
        self._session.receive(data)

    def peer_closed(self) -> None:
        """Nothing is left to do: an upload without its DONE is dropped."""

    def pull(self) -> bytes | None:
        """Return the next piece of an answer."""
        return self._session.pull()


def banner(device: VirtualDevice) -> str:
    """Return the CNXN banner: product names and the features truly served."""
    names = ("ro.product.name", "ro.product.model", "ro.product.device")
    pairs = "".join(f"{name}={_without_separators(device.properties[name])};" for name in names)
    return f"device::{pairs}features={','.join(FEATURES)}"


def open_service(name: str, device: VirtualDevice) -> Service | None:
    """Return the service for an OPEN, or None for what this device does not serve."""
    service = _open_sound(name, device)
    if service is None or device.faults is None or not name.startswith(("shell", "exec:")):
        return service
    return FaultyService(service, device.faults)


def _shell(device: VirtualDevice) -> Shell:
    if device.faults is None:
        return Shell(device, COMMANDS)
    assert isinstance(device.phone, FaultyPhone), "a schedule of faults comes with a phone that can have them"
    return Shell(device, faulty_commands(COMMANDS, device.faults, device.phone))


def _open_sound(name: str, device: VirtualDevice) -> Service | None:
    kind, _, argument = name.partition(":")
    options = kind.split(",")
    if options[0] == "shell":
        return _open_shell(options[1:], argument, device)
    if kind == "exec":
        return RawShellService(start_job(_shell(device), argument))
    if kind == "sync":
        return SyncService(device)
    if kind == "framebuffer":
        return ReplyService(*_framebuffer(device))
    if kind == "reboot":
        device.rebooting = True
        return ReplyService()
    replies = {
        "root": b"adbd cannot run as root in production builds\n",
        "unroot": b"adbd not running as root\n",
        "remount": b'Not running as root. Try "adb root" first.\n',
    }
    if kind in replies:
        return ReplyService(replies[kind])
    return _open_reverse(argument, device.reverse) if kind == "reverse" else None


def _open_shell(options: list[str], command_line: str, device: VirtualDevice) -> Service:
    shell = _shell(device)
    if "v2" not in options:
        job = start_job(shell, command_line)
        is_terminal = "pty" in options and not is_interactive(command_line)
        return RawShellService(TerminalOutput(job) if is_terminal else job)
    if "pty" not in options:
        return PacketShellService(start_job(shell, command_line))
    if is_interactive(command_line):
        return PacketShellService(TerminalShell(shell, device.properties["ro.product.device"]))
    return PacketShellService(TerminalOutput(start_job(shell, command_line)))


def _open_reverse(argument: str, reverse: dict[str, str]) -> Service:
    """Keep the table of reversed sockets and answer with one OKAY; no app of this phone ever connects to one."""
    verb, _, rest = argument.partition(":")
    if verb == "list-forward":
        text = "".join(f"(reverse) {phone_side} {host_side}\n" for phone_side, host_side in reverse.items())
        return ReplyService(_protocol_string(text))
    if verb == "killforward-all":
        reverse.clear()
        return ReplyService(b"OKAY")
    if verb == "killforward":
        known = reverse.pop(rest, None) is not None
        return ReplyService(b"OKAY" if known else b"FAIL" + _protocol_string(f"listener '{rest}' not found"))
    phone_side, separator, host_side = rest.removeprefix("norebind:").partition(";")
    if verb != "forward" or not separator:
        return ReplyService(b"FAIL" + _protocol_string(f"bad forward: {argument}"))
    if rest.startswith("norebind:") and phone_side in reverse:
        return ReplyService(b"FAIL" + _protocol_string("cannot rebind existing socket"))
    reverse[phone_side] = host_side
    return ReplyService(b"OKAY")


def _protocol_string(text: str) -> bytes:
    """Return four hex digits of length, then the text (adb_io.cpp, SendProtocolString)."""
    raw = text.encode("utf-8", "replace")[:0xFFFF]
    return b"%04x" % len(raw) + raw


def _framebuffer(device: VirtualDevice) -> tuple[bytes, bytes]:
    """Return the 14-word header (version 2, RGBA_8888 offsets) and the pixels."""
    pixels = device.phone.frame_bytes()
    width, height = device.phone.size
    if len(pixels) != width * height * 4:
        raise WireError(f"Got a frame of {len(pixels)} bytes; expected {width}x{height} RGBA pixels.")
    offsets = (0, 8, 16, 8, 8, 8, 24, 8)  # red, blue, green, alpha: offset and length in bits
    about = (_FRAMEBUFFER_VERSION, _BITS_PER_PIXEL, _COLOR_SPACE_SRGB, len(pixels), width, height)
    header = _FRAMEBUFFER_HEADER.pack(*about, *offsets)
    return header, pixels


def _without_separators(value: str) -> str:
    return value.translate({ord(":"): "_", ord(";"): "_", ord("="): "_"})
