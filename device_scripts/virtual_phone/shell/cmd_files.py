"""Shell commands about files: ls cat rm mkdir cp mv touch cd pwd stat test [ tee. Works on the phone's files only."""

from __future__ import annotations

import errno
import posixpath
import stat
from datetime import datetime, timezone
from typing import Final

from device_scripts.virtual_phone.errors import DeviceFileError
from device_scripts.virtual_phone.filesystem import FileNode
from device_scripts.virtual_phone.shell.interpreter import CommandFunction, Context, encode

_TEST_FALSE: Final = 1
_TEST_USAGE: Final = 2


def _flags_and_operands(ctx: Context, known: str) -> tuple[set[str], list[str]] | None:
    """Split `-abc` flags from operands; None (after saying so) for a flag not in `known`."""
    flags: set[str] = set()
    operands: list[str] = []
    for position, word in enumerate(ctx.args):
        if word == "--":
            operands += ctx.args[position + 1 :]
            break
        if word.startswith("-") and len(word) > 1:
            flags |= set(word[1:])
        else:
            operands.append(word)
    unknown = sorted(flags - set(known))
    if unknown:
        ctx.fail(f"{ctx.name}: Unknown option '{unknown[0]}' (see \"{ctx.name} --help\")")
        return None
    return flags, operands


def _each(ctx: Context, operands: list[str], action: CommandFunction) -> int:
    """Run `action` on a context per operand and return the worst status."""
    return max((action(Context(ctx.name, [operand], ctx.streams, ctx.shell)) for operand in operands), default=0)


def _refused(ctx: Context, error: DeviceFileError, path: str) -> int:
    return ctx.fail(f"{ctx.name}: {path}: {error.reason}")


def pwd(ctx: Context) -> int:
    """Print the shell's folder."""
    ctx.print(ctx.shell.folder)
    return 0


def cd(ctx: Context) -> int:
    """Change the shell's folder."""
    path = ctx.shell.absolute(ctx.args[0] if ctx.args else "/")
    node = ctx.device.files.find(path)
    if node is None or not node.is_dir:
        reason = "Not a directory" if node else "No such file or directory"
        return ctx.fail(f"/system/bin/sh: cd: {path}: {reason}", 2)
    ctx.shell.folder = path
    return 0


def ls(ctx: Context) -> int:
    """List names, one a line; -l long, -a with dot files, -d the folder itself."""
    parsed = _flags_and_operands(ctx, "la1dRAh")
    if parsed is None:
        return 1
    flags, operands = parsed
    status = 0
    for path in operands or ["."]:
        node = ctx.device.files.find(ctx.shell.absolute(path), follow_last="l" not in flags or path.endswith("/"))
        if node is None:
            status = ctx.fail(f"ls: {path}: No such file or directory")
        elif node.is_dir and "d" not in flags:
            if len(operands) > 1:
                ctx.print(f"{path}:")
            _list_folder(ctx, path, flags)
        else:
            _print_entry(ctx, path, node, flags)
    return status


def _list_folder(ctx: Context, path: str, flags: set[str]) -> None:
    children = ctx.device.files.children(ctx.shell.absolute(path))
    if "a" not in flags and "A" not in flags:
        children = [(name, node) for name, node in children if not name.startswith(".")]
    if "l" in flags:
        ctx.print(f"total {sum(-(-node.size_bytes // 1024) for _, node in children)}")
    for name, node in children:
        _print_entry(ctx, name, node, flags)


def _print_entry(ctx: Context, name: str, node: FileNode, flags: set[str]) -> None:
    if "l" not in flags:
        ctx.print(name)
        return
    when = datetime.fromtimestamp(node.mtime_sec, timezone.utc).strftime("%Y-%m-%d %H:%M")
    arrow = f" -> {node.data.decode('utf-8', 'surrogateescape')}" if node.is_link else ""
    ctx.print(f"{stat.filemode(node.mode)} 1 shell shell {node.size_bytes:>8} {when} {name}{arrow}")


def cat(ctx: Context) -> int:
    """Write files, or standard input, to standard output."""
    if not ctx.args:
        ctx.write(ctx.streams.stdin)
    return _each(ctx, ctx.args, _cat_one)


def _cat_one(ctx: Context) -> int:
    path = ctx.args[0]
    try:
        ctx.write(ctx.streams.stdin if path == "-" else ctx.device.files.read(ctx.shell.absolute(path)))
    except DeviceFileError as error:
        return _refused(ctx, error, path)
    return 0


def rm(ctx: Context) -> int:
    """Remove files; -r folders too, -f without complaint about missing ones."""
    parsed = _flags_and_operands(ctx, "rfRv")
    if parsed is None:
        return 1
    flags, operands = parsed
    if not operands and "f" not in flags:
        return ctx.fail('rm: Needs 1 argument (see "rm --help")')
    status = 0
    for path in operands:
        try:
            ctx.device.files.remove(ctx.shell.absolute(path), recursive=bool(flags & {"r", "R"}))
        except DeviceFileError as error:
            if error.errno != errno.ENOENT or "f" not in flags:
                status = _refused(ctx, error, path)
    return status


def mkdir(ctx: Context) -> int:
    """Make folders; -p their parents too, and no complaint about existing ones."""
    parsed = _flags_and_operands(ctx, "p")
    if parsed is None:
        return 1
    flags, operands = parsed
    if not operands:
        return ctx.fail('mkdir: Needs 1 argument (see "mkdir --help")')
    status = 0
    for path in operands:
        try:
            ctx.device.files.make_folder(ctx.shell.absolute(path), now_sec=ctx.device.now_sec(), parents="p" in flags)
        except DeviceFileError as error:
            status = ctx.fail(f"mkdir: '{path}': {error.reason}")
    return status


def touch(ctx: Context) -> int:
    """Create empty files, or set the date of existing ones."""
    return _each(ctx, ctx.args, _touch_one)


def _touch_one(ctx: Context) -> int:
    device = ctx.device
    try:
        device.files.write(ctx.shell.absolute(ctx.args[0]), b"", now_sec=device.now_sec(), append=True)
    except DeviceFileError as error:
        return _refused(ctx, error, ctx.args[0])
    return 0


def cp(ctx: Context) -> int:
    """Copy one file."""
    return _copy(ctx, remove_source=False)


def mv(ctx: Context) -> int:
    """Move one file."""
    return _copy(ctx, remove_source=True)


def _copy(ctx: Context, *, remove_source: bool) -> int:
    operands = [word for word in ctx.args if not word.startswith("-")]
    if len(operands) != 2:
        return ctx.fail(f'{ctx.name}: Needs 2 arguments (see "{ctx.name} --help")')
    source, target = operands
    device = ctx.device
    target_node = device.files.find(ctx.shell.absolute(target))
    if target_node is not None and target_node.is_dir:
        target = posixpath.join(target, posixpath.basename(source))
    try:
        content = device.files.read(ctx.shell.absolute(source))
        device.files.write(ctx.shell.absolute(target), content, now_sec=device.now_sec())
        if remove_source:
            device.files.remove(ctx.shell.absolute(source))
    except DeviceFileError as error:
        return ctx.fail(f"{ctx.name}: '{source}': {error.reason}")
    return 0


def tee(ctx: Context) -> int:
    """Write standard input to standard output and to files."""
    ctx.write(ctx.streams.stdin)
    status = 0
    for path in (word for word in ctx.args if not word.startswith("-")):
        try:
            ctx.device.files.write(
                ctx.shell.absolute(path), ctx.streams.stdin, now_sec=ctx.device.now_sec(), append="-a" in ctx.args
            )
        except DeviceFileError as error:
            status = _refused(ctx, error, path)
    return status


def stat_command(ctx: Context) -> int:
    """Print `stat -c FORMAT FILE` for %s %n %f %Y %a, or a short default."""
    args = list(ctx.args)
    form = "%n %s"
    if args[:1] == ["-c"] and len(args) > 1:
        form, args = args[1], args[2:]
    status = 0
    for path in args:
        node = ctx.device.files.find(ctx.shell.absolute(path))
        if node is None:
            status = ctx.fail(f"stat: '{path}': No such file or directory")
            continue
        text = form.replace("%s", str(node.size_bytes)).replace("%n", path).replace("%f", f"{node.mode:x}")
        ctx.print(text.replace("%Y", str(node.mtime_sec)).replace("%a", f"{stat.S_IMODE(node.mode):o}"))
    return status


def test(ctx: Context) -> int:
    """Evaluate `test` or `[ … ]`: -e -f -d -r -w -x -s -L -n -z, = != -eq -ne -lt -le -gt -ge, `!`."""
    words = list(ctx.args)
    if ctx.name == "[":
        if words[-1:] != ["]"]:
            return ctx.fail("/system/bin/sh: [: missing ]", _TEST_USAGE)
        words.pop()
    negated = words[:1] == ["!"]
    result = _evaluate(ctx, words[1:] if negated else words)
    if result is None:
        return ctx.fail(f"/system/bin/sh: {ctx.name}: {' '.join(words)}: unexpected operator/operand", _TEST_USAGE)
    return 0 if result != negated else _TEST_FALSE


def _evaluate(ctx: Context, words: list[str]) -> bool | None:
    if not words:
        return False
    if len(words) == 1:
        return words[0] != ""
    if len(words) == 2:
        return _evaluate_unary(ctx, *words)
    return _evaluate_binary(*words) if len(words) == 3 else None


def _evaluate_unary(ctx: Context, operator: str, operand: str) -> bool | None:
    if operator in ("-n", "-z"):
        return (operand != "") == (operator == "-n")
    node = ctx.device.files.find(ctx.shell.absolute(operand), follow_last=operator not in ("-L", "-h"))
    exists = node is not None
    answers: dict[str, bool] = {
        "-e": exists, "-r": exists, "-w": exists, "-x": exists,
        "-f": node is not None and stat.S_ISREG(node.mode),
        "-d": node is not None and node.is_dir,
        "-s": node is not None and node.size_bytes > 0,
        "-L": node is not None and node.is_link,
        "-h": node is not None and node.is_link,
    }  # fmt: skip
    return answers.get(operator)


def _evaluate_binary(left: str, operator: str, right: str) -> bool | None:
    if operator in ("=", "=="):
        return left == right
    if operator == "!=":
        return left != right
    try:
        difference = int(left) - int(right)
    except ValueError:
        return None
    answers = {
        "-eq": difference == 0, "-ne": difference != 0, "-lt": difference < 0,
        "-le": difference <= 0, "-gt": difference > 0, "-ge": difference >= 0,
    }  # fmt: skip
    return answers.get(operator)


def wc(ctx: Context) -> int:
    """Count lines (-l), words (-w) and bytes (-c) of standard input or files."""
    parsed = _flags_and_operands(ctx, "lwcm")
    if parsed is None:
        return 1
    flags, operands = parsed
    for path in operands or ["-"]:
        try:
            data = ctx.streams.stdin if path == "-" else ctx.device.files.read(ctx.shell.absolute(path))
        except DeviceFileError as error:
            return _refused(ctx, error, path)
        counts = {"l": data.count(b"\n"), "w": len(data.split()), "c": len(data)}
        shown = [str(counts[flag]) for flag in "lwc" if flag in flags or not flags]
        ctx.write(encode(" ".join(shown + ([] if path == "-" else [path])) + "\n"))
    return 0


COMMANDS: Final[dict[str, CommandFunction]] = {
    "pwd": pwd, "cd": cd, "ls": ls, "cat": cat, "rm": rm, "mkdir": mkdir, "touch": touch, "cp": cp, "mv": mv,
    "tee": tee, "stat": stat_command, "test": test, "[": test, "wc": wc,
}  # fmt: skip
