"""Shell commands about text, time and the shell itself: echo grep head date sleep id exit sh export and the like."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from typing import Final

from device_scripts.virtual_phone.errors import DeviceFileError
from device_scripts.virtual_phone.shell.interpreter import CommandFunction, Context, Streams, decode, encode

_ESCAPES: Final = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", "a": "\a", "b": "\b", "0": "\0", "e": "\x1b"}
_ESCAPE: Final = re.compile(r"\\([ntr\\ab0e])")
_MS_PER_UNIT: Final = {"": 1000, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_MAX_SLEEP_MS: Final = 30 * 86_400_000
_DURATION: Final = re.compile(r"(\d+(?:\.\d*)?|\.\d+)([smhd]?)")
_PRINTF_FIELD: Final = re.compile(r"%([%sdx])")


def _unescape(text: str) -> str:
    return _ESCAPE.sub(lambda match: _ESCAPES[match[1]], text)


def echo(ctx: Context) -> int:
    """Print the arguments; -n without a newline, -e with escapes."""
    args = list(ctx.args)
    options = ""
    while args and re.fullmatch(r"-[neE]+", args[0]):
        options += args.pop(0)[1:]
    text = " ".join(args)
    ctx.write(encode((_unescape(text) if "e" in options else text) + ("" if "n" in options else "\n")))
    return 0


def printf(ctx: Context) -> int:
    """Print with %s %d %x %% and escapes; the format is used once."""
    if not ctx.args:
        return ctx.fail('printf: Needs 1 argument (see "printf --help")')
    values = iter(ctx.args[1:])

    def field(match: re.Match[str]) -> str:
        if match[1] == "%":
            return "%"
        value = next(values, "")
        if match[1] == "s":
            return value
        number = int(value) if re.fullmatch(r"-?\d+", value) else 0
        return f"{number:{match[1]}}"

    ctx.write(encode(_PRINTF_FIELD.sub(field, _unescape(ctx.args[0]))))
    return 0


def true(_ctx: Context) -> int:
    """Succeed."""
    return 0


def false(_ctx: Context) -> int:
    """Fail."""
    return 1


def sleep(ctx: Context) -> int:
    """Let virtual time pass; nothing really waits."""
    total_ms = 0.0
    for word in ctx.args:
        match = _DURATION.fullmatch(word)
        if match is None:
            return ctx.fail(f"sleep: bad number '{word}'")
        total_ms = min(_MAX_SLEEP_MS + 1.0, total_ms + float(match[1]) * _MS_PER_UNIT[match[2]])
    if not ctx.args:
        return ctx.fail('sleep: Needs 1 argument (see "sleep --help")')
    if total_ms > _MAX_SLEEP_MS:
        return ctx.fail("sleep: this phone sleeps for at most 30 days")
    ctx.device.phone.advance(int(total_ms))
    return 0


def date(ctx: Context) -> int:
    """Print the phone's time (UTC); `+FORMAT` as strftime, with %N and %3N."""
    clock_ms = ctx.device.phone.clock_ms
    now = datetime.fromtimestamp(clock_ms // 1000, timezone.utc)
    form = next((word[1:] for word in ctx.args if word.startswith("+")), None)
    if form is None:
        ctx.print(now.strftime("%a %b %e %H:%M:%S UTC %Y"))
        return 0
    millis = f"{clock_ms % 1000:03d}"
    form = form.replace("%s", str(clock_ms // 1000)).replace("%3N", millis).replace("%N", millis + "000000")
    ctx.print(now.strftime(form))
    return 0


def uptime(ctx: Context) -> int:
    """Print a line in the usual form."""
    now = datetime.fromtimestamp(ctx.device.now_sec(), timezone.utc)
    ctx.print(f" {now:%H:%M:%S} up 1 min,  0 users,  load average: 0.00, 0.00, 0.00")
    return 0


def identity(ctx: Context) -> int:
    """Answer `id`: the shell user."""
    if "-u" in ctx.args:
        ctx.print("2000")
        return 0
    groups = "1004(input),1007(log),1011(adb),1015(sdcard_rw),3003(inet)"
    ctx.print(f"uid=2000(shell) gid=2000(shell) groups=2000(shell),{groups} context=u:r:shell:s0")
    return 0


def whoami(ctx: Context) -> int:
    """Answer `shell`."""
    ctx.print("shell")
    return 0


def getenforce(ctx: Context) -> int:
    """Answer SELinux's state."""
    ctx.print("Enforcing")
    return 0


def uname(ctx: Context) -> int:
    """Answer the kernel's name; -a more, -m the machine."""
    machine = "x86_64"
    words = {"-m": machine, "-r": "6.1.0-virtual"}
    everything = f"Linux localhost 6.1.0-virtual #1 SMP PREEMPT {machine} Toybox"
    ctx.print(everything if "-a" in ctx.args else words.get(ctx.args[0] if ctx.args else "", "Linux"))
    return 0


def leave(ctx: Context) -> int:
    """End the shell with a status."""
    ctx.shell.exited = True
    if ctx.args and ctx.args[0].isdigit():
        return int(ctx.args[0]) & 0xFF
    return ctx.shell.last_status


def run_shell(ctx: Context) -> int:
    """Run `sh -c LINE` or a script from a file or standard input."""
    if ctx.args[:1] == ["-c"]:
        if len(ctx.args) < 2:
            return ctx.fail("/system/bin/sh: -c: requires an argument")
        return _run_text(ctx, ctx.args[1])
    if not ctx.args or ctx.args[0] == "-":
        return _run_text(ctx, decode(ctx.streams.stdin))
    try:
        return _run_text(ctx, decode(ctx.device.files.read(ctx.shell.absolute(ctx.args[0]))))
    except DeviceFileError as error:
        return ctx.fail(f"/system/bin/sh: {ctx.args[0]}: {error.reason}", 127)


def evaluate(ctx: Context) -> int:
    """Run the arguments as a command line in this shell."""
    return ctx.shell.run_to_end(" ".join(ctx.args), ctx.streams)


def execute(ctx: Context) -> int:
    """Run a command in place of this shell."""
    if not ctx.args:
        return 0
    function = ctx.shell.commands.get(ctx.args[0])
    ctx.shell.exited = True
    if function is None:
        return ctx.fail(f"/system/bin/sh: {ctx.args[0]}: inaccessible or not found", 127)
    return function(Context(ctx.args[0], ctx.args[1:], ctx.streams, ctx.shell))


def _run_text(ctx: Context, text: str) -> int:
    outer = ctx.shell
    if outer.depth >= 8:
        return ctx.fail("/system/bin/sh: shells are nested too deeply")
    inner = type(outer)(outer.device, outer.commands, outer.folder, dict(outer.variables), depth=outer.depth + 1)
    return inner.run_to_end(text, Streams(b"", ctx.streams.out, ctx.streams.err))


def export(ctx: Context) -> int:
    """Set variables: NAME=VALUE …"""
    for word in ctx.args:
        name, equals, value = word.partition("=")
        if equals:
            ctx.shell.variables[name] = value
    return 0


def environment(ctx: Context) -> int:
    """Print the shell's variables."""
    for name, value in sorted(ctx.shell.variables.items()):
        ctx.print(f"{name}={value}")
    return 0


def which(ctx: Context) -> int:
    """Print where commands are; 1 if one is nowhere."""
    found = [name for name in ctx.args if name in ctx.shell.commands]
    for name in found:
        ctx.print(f"/system/bin/{name}")
    return 0 if found and len(found) == len(ctx.args) else 1


def grep(ctx: Context) -> int:
    """Print matching lines of standard input or files; -i -v -c -q -E -F -o, 1 when none matches."""
    flags = {letter for word in ctx.args if word.startswith("-") for letter in word[1:]}
    operands = [word for word in ctx.args if not word.startswith("-")]
    if not operands:
        return ctx.fail('grep: Needs 1 argument (see "grep --help")', 2)
    try:
        text = re.escape(operands[0]) if "F" in flags else operands[0].replace("\\|", "|")
        pattern = re.compile(text, re.IGNORECASE if "i" in flags else 0)
        lines = _input_lines(ctx, operands[1:])
    except re.error:
        return ctx.fail(f"grep: bad regex '{operands[0]}'", 2)
    except DeviceFileError as error:
        return ctx.fail(f"grep: {error.path}: {error.reason}", 2)
    hits = [line for line in lines if (pattern.search(line) is None) == ("v" in flags)]
    if "c" in flags:
        ctx.print(str(len(hits)))
    elif "q" not in flags:
        shown = [match[0] for line in hits for match in pattern.finditer(line)] if "o" in flags else hits
        ctx.write(encode("".join(line + "\n" for line in shown)))
    return 0 if hits else 1


def head(ctx: Context) -> int:
    """Print the first lines (-n N or -N, 10)."""
    return _print_some(ctx, from_end=False)


def tail(ctx: Context) -> int:
    """Print the last lines (-n N or -N, 10)."""
    return _print_some(ctx, from_end=True)


def sort(ctx: Context) -> int:
    """Print the lines sorted; -r backwards, -u each once."""
    lines = sorted(_input_lines(ctx, [word for word in ctx.args if not word.startswith("-")]))
    if "-u" in ctx.args:
        lines = list(dict.fromkeys(lines))
    for line in reversed(lines) if "-r" in ctx.args else lines:
        ctx.print(line)
    return 0


def _print_some(ctx: Context, *, from_end: bool) -> int:
    joined = re.sub(r"-n +", "-n", " ".join(ctx.args))
    match = re.search(r"-n?(\d+)", joined)
    count = int(match[1]) if match else 10
    operands = [word for word in joined.split() if not word.startswith("-")]
    try:
        lines = _input_lines(ctx, operands)
    except DeviceFileError as error:
        return ctx.fail(f"{ctx.name}: {error.path}: {error.reason}")
    chosen = lines[max(0, len(lines) - count) :] if from_end else lines[:count]
    ctx.write(encode("".join(line + "\n" for line in chosen)))
    return 0


def _input_lines(ctx: Context, paths: list[str]) -> list[str]:
    if not paths:
        data = ctx.streams.stdin
    else:
        data = b"".join(ctx.device.files.read(ctx.shell.absolute(path)) for path in paths)
    text = decode(data)
    return text.removesuffix("\n").split("\n") if text else []


COMMANDS: Final[dict[str, CommandFunction]] = {
    "echo": echo, "printf": printf, "true": true, ":": true, "false": false, "sleep": sleep, "usleep": true,
    "date": date, "uptime": uptime, "id": identity, "whoami": whoami, "getenforce": getenforce, "uname": uname,
    "exit": leave, "sh": run_shell, "eval": evaluate, "exec": execute,
    "export": export, "set": true, "unset": true, "env": environment,
    "printenv": environment, "which": which, "grep": grep, "head": head, "tail": tail, "sort": sort, "sync": true,
    "wait": true, "setenforce": false,
}  # fmt: skip
