"""The parsers of everything that comes from outside, each with seeds that it takes and the errors it may raise.

A target is total but for its ``allowed`` errors. Its ``modules`` are those whose lines count for the coverage.
"""

from __future__ import annotations

import json
import struct
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import numpy as np
import zstandard
from coso.v1 import tuner_pb2
from google.protobuf.message import DecodeError
from safetensors.numpy import save

from agent_runtime.actions import (
    GRAMMAR_NAMES,
    agentcpm,
    android_world,
    auto_ui,
    autoglm,
    calls,
    cogagent,
    grammar_named,
    json_grammar,
    mobile_use,
    places,
    reading,
    ui_tars,
)
from agent_runtime.adapters import deltas, extrapolation, layout, words
from agent_runtime.devices import dialogs, getevent, parsers, windows
from agent_runtime.devices.screen_checks import secure_windows
from agent_runtime.errors import AdapterError, BadFrameError, PolicyError, SessionError
from agent_runtime.gate.elements import elements_of
from agent_runtime.judges.verdicts import vote_from_text
from agent_runtime.policy.prompt import picture_from_png
from agent_runtime.sessions import chain, reader, schema
from agent_runtime.sessions.reader import open_session
from agent_runtime.sessions.recording import HEADER_NAME, LINES_NAME
from agent_runtime.uplink import codec
from benchmarks.fuzz_seeds import IDENTITY, SIZE_PX, output_seeds, text_seeds, wire_seeds
from benchmarks.recording import phone_pictures
from benchmarks.rotten_stores import RottingSession
from device_scripts.virtual_phone.adb_wire import auth, connection, messages, shell_protocol, sync
from device_scripts.virtual_phone.device import build_device
from device_scripts.virtual_phone.errors import WireError
from device_scripts.virtual_phone.phone import Phone
from device_scripts.virtual_phone.session import DeviceSession
from tuner.canary.facts import facts_of
from tuner.ingest import validate

_DELTA_WRITERS: Final = frozenset(
    {
        *("encode_delta", "looks_worthwhile", "_is_worthwhile", "_pair", "encode_extrapolated", "_told"),
        *("_layout_of", "_bounded", "_ends", "planes_of", "words_by_name", "words_of"),
    }
)


@dataclass(frozen=True)
class Target:
    """One parser, or a family of them that take the same input."""

    name: str
    parse: Callable[[bytes], object]
    seeds: Sequence[bytes]
    allowed: tuple[type[Exception], ...]
    modules: Sequence[ModuleType]
    least_coverage: float
    """Share of the modules' lines within functions that the fuzzing has to reach."""
    writers: frozenset[str] = frozenset()
    """Names of functions in the modules that read nothing from outside: their lines do not count."""


def wire(content: bytes) -> object:
    """Take a message as the front does: bounds, then the record, then what the trials note."""
    request = tuner_pb2.SubmitTrajectoriesRequest.FromString(content)
    if validate.broken_bound(request.trajectory, IDENTITY) is not None:
        return None
    facts_of(request.trajectory, "")
    return codec.trajectory_to_message(codec.trajectory_from_message(request.trajectory))


def model_text(content: bytes) -> object:
    """Read a text in every grammar, and as a judge's verdict."""
    text = content.decode("utf-8", "surrogateescape")
    vote_from_text(text)
    return [grammar_named(name, SIZE_PX).parse(text) for name in GRAMMAR_NAMES]


def device_output(content: bytes) -> object:
    """Read a device's output with every parser of one."""
    text = content.decode("utf-8", "replace")
    nodes = parsers.hierarchy_nodes(text)
    if nodes is not None:
        parsers.focused_field(nodes)
        for node in nodes:
            parsers.node_bounds(node)
        elements_of(nodes)
    fault = dialogs.dialog_of(text)
    if fault is not None:
        dialogs.way_out(fault, nodes or [])
    for parse in (
        parsers.wm_size,
        parsers.focused_component,
        parsers.resumed_component,
        parsers.start_problem,
        parsers.broadcast_result,
        parsers.says_no_space,
        parsers.free_kib,
        parsers.boot_time_sec,
        parsers.display_count,
        parsers.focused_display,
        parsers.settings_value,
        parsers.settings_list,
        parsers.content_rows,
        windows.windows_of,
        secure_windows,
        getevent.touch_panels,
    ):
        parse(text)
    for line in text.splitlines():
        getevent.input_event(line)
    parsers.launcher_component(text, "com.android.settings")
    return parsers.raw_screencap(memoryview(content))


class _SessionTarget:
    """A session whose file of lines is the input, as it is or sealed anew: the chain hides no parser behind it."""

    def __init__(self) -> None:
        self._kept = tempfile.TemporaryDirectory()  # goes with this object
        home = Path(self._kept.name)
        RottingSession().make(home)
        self.folder = home / "session"
        self._header = (self.folder / HEADER_NAME).read_bytes()
        self._info, self._link = chain.opened_header(self._header)
        self.lines = (self.folder / LINES_NAME).read_bytes()
        link, bodies = self._link, []
        for line in self.lines.splitlines():
            fields, link = chain.opened(link, line)
            bodies.append(json.dumps(fields).encode())
        self.sealed_anew = b"S" + b"\n".join(bodies)
        self.header_anew = b"H" + json.dumps(self._info).encode()

    def parse(self, content: bytes) -> object:
        """Open the session with these lines, or this header."""
        header, lines = self._header, content[1:]
        if content[:1] == b"S":
            link, sealed = self._link, []
            for line in content[1:].split(b"\n"):
                body, link = chain.sealed(link, _object(line))
                sealed.append(body)
            lines = b"\n".join(sealed) + b"\n"
        elif content[:1] == b"H":
            header, _ = chain.sealed_header(_object(content[1:]))
            lines = b""
        (self.folder / HEADER_NAME).write_bytes(header)
        (self.folder / LINES_NAME).write_bytes(lines)
        return open_session(self.folder)


def _object(line: bytes) -> dict[str, Any]:
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError):
        return {"kind": line.decode("utf-8", "replace")}
    return fields if isinstance(fields, dict) else {"kind": fields}


class _DeltaTarget:
    """A safetensors file's header, and a delta against tensors in use, as it is or packed anew: zstd hides nothing."""

    def __init__(self) -> None:
        noise = np.random.default_rng(1)
        shapes = ((4, 6), (16, 24), (6,))
        self._tensors = {
            f"layer.{number}.weight": noise.normal(size=shape).astype(np.float32) for number, shape in enumerate(shapes)
        }
        near = {name: tensor + np.float32(1e-5) for name, tensor in self._tensors.items()}
        self.file = save(self._tensors)
        delta = deltas.encode_delta(self.file, save(near))
        assert delta is not None
        self.delta = delta
        self._before = {name: tensor - np.float32(1e-5) for name, tensor in self._tensors.items()}
        self.extrapolated = extrapolation.encode_extrapolated(save(self._before), self.file, save(near))

    def parse(self, content: bytes) -> object:
        """Read it as the header of a file, and as a delta of either kind; small letters say that it is unpacked."""
        kind, body = content[:1], content[1:]
        if kind in (b"d", b"e"):
            body = zstandard.ZstdCompressor(level=1).compress(body)
        if kind in (b"D", b"d"):
            return deltas.decode_delta(self._tensors, body)
        if kind in (b"E", b"e"):
            return extrapolation.decode_extrapolated(self._before, self._tensors, body)
        layout.described_tensors(body)
        return layout.float32_layout(body)

    def seeds(self) -> list[bytes]:
        """Return a file, and a delta of either kind both ways."""
        unpack = zstandard.ZstdDecompressor().decompress
        packed = {b"D": self.delta, b"E": self.extrapolated}
        unpacked = [kind.lower() + unpack(content) for kind, content in packed.items()]
        return [b"F" + self.file, *(kind + content for kind, content in packed.items()), *unpacked]


class _AdbTarget:
    """A connection to the virtual phone, slice by slice; the phone is a new one each time."""

    def __init__(self) -> None:
        self._device = build_device(Phone(SIZE_PX, 160, 0), "fuzzed")

    def parse(self, content: bytes) -> object:
        """Feed it to a session, in two slices, and hang up."""
        session = DeviceSession(self._device.fork())
        half = len(content) // 2
        try:
            return [session.receive(content[:half]), session.receive(content[half:])]
        finally:
            session.hang_up()

    def seeds(self) -> list[bytes]:
        """Return talks of a host with a device."""
        hello = self._packet(
            messages.CNXN, messages.VERSION_SKIPS_CHECKSUM, 1 << 18, b"host::features=shell_v2,stat_v2\0"
        )
        talks = []
        for number, service in enumerate(
            (b"shell:echo hi", b"shell,v2:wm size", b"sync:", b"shell:dumpsys window", b"reboot:")
        ):
            opened = self._packet(messages.OPEN, number + 1, 0, service + b"\0")
            path = b"/sdcard/a.txt"
            pushed = b"SEND" + struct.pack("<I", len(path) + 6) + path + b",33188" + b"DATA\x02\0\0\0hiDONE\x07\0\0\0"
            asked = b"STAT" + struct.pack("<I", len(path)) + path + b"LIST\x07\0\0\0/sdcard" + b"RECV\x0d\0\0\0" + path
            said = self._packet(
                messages.WRTE, number + 1, 1, pushed + asked if service == b"sync:" else b"\x00\x02\0\0\0hi"
            )
            okay, close = (
                self._packet(messages.OKAY, number + 1, 1, b""),
                self._packet(messages.CLSE, number + 1, 1, b""),
            )
            talks.append(hello + opened + okay + said + okay + close)
        return talks

    @staticmethod
    def _packet(command: int, arg0: int, arg1: int, payload: bytes) -> bytes:
        head = messages.pack_header(command, arg0, arg1, len(payload), messages.payload_checksum(payload))
        return head + payload


def targets() -> list[Target]:
    """Return them all, with their seeds."""
    session, delta, adb = _SessionTarget(), _DeltaTarget(), _AdbTarget()
    return [
        Target("wire", wire, wire_seeds(), (DecodeError,), (validate, codec), 0.8),
        Target(
            "model text",
            model_text,
            text_seeds(),
            (),
            (
                agentcpm,
                android_world,
                auto_ui,
                autoglm,
                calls,
                cogagent,
                json_grammar,
                mobile_use,
                places,
                reading,
                ui_tars,
            ),
            0.55,
        ),
        Target("PNG", picture_from_png, phone_pictures(3), (PolicyError,), (), 0.0),
        Target(
            "device output",
            device_output,
            output_seeds(),
            (BadFrameError,),
            (parsers, windows, dialogs, getevent),
            0.8,
        ),
        Target(
            "session",
            session.parse,
            [b"L" + session.lines, session.sealed_anew, session.header_anew],
            (SessionError,),
            (reader, schema, chain),
            0.6,
        ),
        Target(
            "delta header",
            delta.parse,
            delta.seeds(),
            (AdapterError,),
            (layout, deltas, extrapolation, words),
            0.8,
            _DELTA_WRITERS,
        ),
        Target(
            "adb wire", adb.parse, adb.seeds(), (WireError,), (connection, messages, shell_protocol, sync, auth), 0.5
        ),
    ]
