"""Devices an agent can look at and act on. `adb` is imported by those who need one; this names the abstraction."""

from agent_runtime.devices.base import Device, Frame, ShellResult

__all__ = ["Device", "Frame", "ShellResult"]
