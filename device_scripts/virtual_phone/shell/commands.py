"""The table of every shell command: name to function. Holds no command itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from device_scripts.virtual_phone.shell import (
    cmd_basic,
    cmd_content,
    cmd_dumpsys,
    cmd_events,
    cmd_files,
    cmd_input,
    cmd_log,
    cmd_screen,
    cmd_system,
)
from device_scripts.virtual_phone.shell.interpreter import CommandFunction

COMMANDS: Final[Mapping[str, CommandFunction]] = {
    **cmd_basic.COMMANDS,
    **cmd_content.COMMANDS,
    **cmd_dumpsys.COMMANDS,
    **cmd_events.COMMANDS,
    **cmd_files.COMMANDS,
    **cmd_input.COMMANDS,
    **cmd_log.COMMANDS,
    **cmd_screen.COMMANDS,
    **cmd_system.COMMANDS,
}
