"""Every error the runtime raises on purpose, as one tree. Holds no handling.

AgentRuntimeError            one sentence: what was got, what was expected, what to do
├── UsageError               the person or file asked for something that cannot be (exit code 2)
├── DeviceError              the device or the way to it failed: the episode is void
│   ├── DeviceNotFoundError  no such serial, or it is not ready
│   │   └── UnauthorizedError  it does not accept this computer's key so far
│   ├── KeyboardLostError    the keyboard app for text beyond ASCII is not there
│   ├── DiskFullError        the device has no room for what a command writes
│   ├── BadFrameError        a screenshot that is truncated or of the wrong size
│   │   └── EmptyFrameError  one without a single byte
│   └── DeviceFaultError     a fault with a name that could not be recovered from
├── PolicyError              the checkpoint cannot be loaded or cannot answer
│   └── AdapterError         an adapter that must not be applied
├── TaskError                set-up or probe of a task failed: the episode is void
├── JudgeError               no verdict came from a judge, or it abstained: the episode is void
├── SessionError             a recording that cannot be written, or is not what was written
└── TunerError               the tuner cannot be reached, or refuses
    └── TunerRefusedError    it answered, and the answer is no: sending again cannot help
"""


class AgentRuntimeError(Exception):
    """Base of all; its text is one sentence fit to show a person."""


class UsageError(AgentRuntimeError):
    """An option, a path or a file that cannot be used as given."""


class DeviceError(AgentRuntimeError):
    """The device, or the way to it, failed."""


class DeviceNotFoundError(DeviceError):
    """No device of that serial is ready."""


class UnauthorizedError(DeviceNotFoundError):
    """The device is there and does not accept this computer's key so far."""


class KeyboardLostError(DeviceError):
    """No keyboard app for text beyond ASCII can be put to use."""


class DiskFullError(DeviceError):
    """The device has no room left."""


class BadFrameError(DeviceError):
    """A screenshot that does not hold the pixels it promises."""


class EmptyFrameError(BadFrameError):
    """A screenshot of no bytes at all."""


class DeviceFaultError(DeviceError):
    """A named fault that recovery did not get the better of; the text begins with the name."""


class PolicyError(AgentRuntimeError):
    """The model cannot be loaded or cannot answer."""


class AdapterError(PolicyError):
    """An adapter failed verification; the one in use stays."""


class TaskError(AgentRuntimeError):
    """A task's set-up or probe could not be carried out."""


class JudgeError(AgentRuntimeError):
    """A judge could not be asked, did not answer in its grammar, or abstained."""


class SessionError(AgentRuntimeError):
    """A recorded session cannot be written, read or replayed."""


class TunerError(AgentRuntimeError):
    """The tuner cannot be reached in time."""


class TunerRefusedError(TunerError):
    """The tuner answered and refused."""
