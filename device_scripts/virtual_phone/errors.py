"""Every error the virtual phone raises on purpose, as one tree. Holds no handling.

VirtualPhoneError     one sentence: what was got, what was expected, what to do
├── PhoneError        the phone cannot do what was asked (no such activity, provider, setting)
├── WireError         bytes that break the ADB protocol: the connection is dropped
├── ShellSyntaxError  a command line the shell cannot read: status 1, as sh does
├── DeviceFileError   a file operation the device refuses, with its errno
└── LaunchError       an option or a port that cannot be used as given: exit code 2
"""

from __future__ import annotations

import os


class VirtualPhoneError(Exception):
    """Base of all; its text is one sentence fit to show a person."""


class PhoneError(VirtualPhoneError):
    """The phone cannot do what was asked."""


class WireError(VirtualPhoneError):
    """Bytes that break the ADB protocol."""


class ShellSyntaxError(VirtualPhoneError):
    """A command line the shell cannot read."""


class DeviceFileError(VirtualPhoneError):
    """A refused file operation; `reason` is the C library's text for `errno`, as every Android tool prints it."""

    def __init__(self, errno: int, path: str) -> None:
        self.errno = errno
        self.path = path
        self.reason = os.strerror(errno)
        super().__init__(f"{path}: {self.reason}")


class LaunchError(VirtualPhoneError):
    """An option or a port that cannot be used as given."""
