"""`content query|insert|delete`: the apps' data as rows. Texts follow com.android.commands.content.Content."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from device_scripts.virtual_phone.errors import PhoneError
from device_scripts.virtual_phone.shell.interpreter import CommandFunction, Context

_USAGE: Final = """usage: adb shell content [subcommand] [options]

usage: adb shell content insert --uri <URI> --bind <BINDING> [--bind <BINDING>...]
usage: adb shell content delete --uri <URI> [--where <WHERE>]
usage: adb shell content query --uri <URI> [--projection <PROJECTION>] [--where <WHERE>] [--sort <SORT_ORDER>]
  <BINDING> binds a typed value to a column: <COLUMN_NAME>:<TYPE>:<COLUMN_VALUE>, TYPE one of b s i l f d n"""
_WHOLE_NUMBER: Final = re.compile(r"-?[0-9]{1,18}")
_SMS_URI: Final = re.compile(r"content://sms(/inbox)?/?")
_CONDITION: Final = re.compile(r"""\s*\(?\s*(\w+)\s*=\s*(?:'([^']*)'|"([^"]*)"|([^\s)]+))\s*\)?\s*""")
_TYPES: Final = frozenset("bsilfdn")

Row = dict[str, object]


class _UsageError(Exception):
    """Arguments `content` explains itself at."""


@dataclass(slots=True)
class _Request:
    uri: str = ""
    where: str = ""
    projection: list[str] = field(default_factory=list)
    sort: str = ""
    bindings: dict[str, str] = field(default_factory=dict)


def content(ctx: Context) -> int:
    """Run one `content` command."""
    verb, *rest = ctx.args or [""]
    if verb not in ("query", "insert", "delete"):
        return ctx.fail(f"[ERROR] Unsupported operation: {verb}\n\n{_USAGE}" if verb else _USAGE)
    try:
        request = _parse(rest)
        if verb == "query":
            return _query(ctx, request)
        return _insert(ctx, request) if verb == "insert" else _delete(ctx, request)
    except _UsageError as error:
        return ctx.fail(f"[ERROR] {error}\n\n{_USAGE}")
    except PhoneError as error:
        authority = request.uri.removeprefix("content://").partition("/")[0]
        return ctx.fail(f"Error while accessing provider:{authority}\n{error}")


def _parse(args: list[str]) -> _Request:
    request = _Request()
    words = iter(args)
    for option in words:
        if option not in ("--uri", "--where", "--projection", "--sort", "--bind", "--user"):
            raise _UsageError(f"Unsupported argument: {option}")
        value = next(words, None)
        if value is None:
            raise _UsageError(f"An argument is missing after {option}")
        if option == "--bind":
            _bind(request, value)
        elif option == "--projection":
            request.projection = value.split(":")
        elif option == "--uri":
            request.uri = value
        elif option == "--where":
            request.where = value
        elif option == "--sort":
            request.sort = value
    if not request.uri:
        raise _UsageError("Content provider URI not specified. Did you specify --uri argument?")
    return request


def _bind(request: _Request, binding: str) -> None:
    name, colon, rest = binding.partition(":")
    kind, second_colon, value = rest.partition(":")
    if not (name and colon and second_colon and kind in _TYPES):
        raise _UsageError(f"Unsupported type or malformed binding: {binding}")
    if kind in "il" and not _WHOLE_NUMBER.fullmatch(value):
        raise _UsageError(f'java.lang.NumberFormatException: For input string: "{value}"')
    request.bindings[name] = value


def _query(ctx: Context, request: _Request) -> int:
    rows = _matching(_rows(ctx, request.uri), request.where)
    if request.sort:
        column, _, order = request.sort.partition(" ")
        rows.sort(key=lambda row: _sort_key(row.get(column)), reverse=order.strip().upper() == "DESC")
    if not rows:
        ctx.print("No result found.")
    for index, row in enumerate(rows):
        columns = request.projection or list(row)
        ctx.print(f"Row: {index} " + ", ".join(f"{name}={_shown(row.get(name))}" for name in columns))
    return 0


def _insert(ctx: Context, request: _Request) -> int:
    """Add a row that has every column its table asks for and none it does not know."""
    _rows(ctx, request.uri)  # an unknown provider is told first
    shape = None if _is_console_sms(ctx, request.uri) else ctx.device.phone.content_shape(request.uri)
    if shape is None:
        raise PhoneError(f"java.lang.UnsupportedOperationException: {request.uri} takes no rows")
    columns = {**shape.required, **shape.optional}
    for name in [*(shape.required.keys() - request.bindings.keys()), *(request.bindings.keys() - columns.keys())]:
        problem = "NOT NULL constraint failed" if name in columns else "no such column"
        raise PhoneError(f"android.database.sqlite.SQLiteException: {problem}: {name}")
    for name, value in request.bindings.items():
        if columns[name] is int and not _WHOLE_NUMBER.fullmatch(value):
            raise PhoneError(f"android.database.sqlite.SQLiteException: datatype mismatch: {name}")
    ctx.device.phone.content_insert(request.uri, request.bindings)
    return 0


def _delete(ctx: Context, request: _Request) -> int:
    """Delete everything at the URI, or with --where the rows that match, by their `_id`."""
    _rows(ctx, request.uri)
    if _is_console_sms(ctx, request.uri) or not ctx.device.phone.content_clearable(request.uri):
        raise PhoneError(f"java.lang.UnsupportedOperationException: rows of {request.uri} cannot be deleted")
    if not request.where:
        ctx.device.phone.content_delete(request.uri)
        return 0
    for row in _matching(_rows(ctx, request.uri), request.where):
        if "_id" not in row:
            raise PhoneError("rows of this provider have no _id to delete by")
        ctx.device.phone.content_delete(f"{request.uri.rstrip('/')}/{row['_id']}")
    return 0


def _is_console_sms(ctx: Context, uri: str) -> bool:
    """Say whether an address means the texts the console sent to a phone without an app for them."""
    return bool(_SMS_URI.fullmatch(uri)) and "com.android.messaging" not in ctx.device.phone.packages()


def _rows(ctx: Context, uri: str) -> list[Row]:
    if _is_console_sms(ctx, uri):
        messages = enumerate(ctx.device.messages, start=1)
        return [{"_id": number, "address": sender, "body": body} for number, (sender, body) in messages]
    return list(ctx.device.phone.content_query(uri))


def _matching(rows: list[Row], where: str) -> list[Row]:
    """Return rows for which every `name=value` of an AND chain holds."""
    for condition in re.split(r"\s+AND\s+", where, flags=re.IGNORECASE) if where else []:
        match = _CONDITION.fullmatch(condition)
        if match is None:
            raise _UsageError(f"Unsupported --where (only name=value joined by AND): {where}")
        wanted = next(value for value in (match[2], match[3], match[4], "") if value is not None)
        rows = [row for row in rows if _shown(row.get(match[1])) == wanted]
    return rows


def _shown(value: object) -> str:
    if value is None:
        return "NULL"
    return str(int(value)) if isinstance(value, bool) else str(value)


def _sort_key(value: object) -> tuple[bool, float, str]:
    number = float(value) if isinstance(value, (int, float)) else 0.0
    return (value is None, number, _shown(value))


COMMANDS: Final[dict[str, CommandFunction]] = {"content": content}
