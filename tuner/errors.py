"""Every error the tuner raises on purpose, as one tree, and a sentence that many say. Holds no handling.

TunerServiceError        one sentence: what was got, what was expected, what to do
├── ConfigError          an option, a path or a port that cannot be used as given (exit code 2)
├── LedgerError          the ledger cannot be opened or written: nothing is acknowledged
├── StoreError           an adapter version that is missing, or whose bytes are not what was published
├── LearnerError         the learner cannot go on from its state
└── RollbackError        a rollback that was asked for and not done
"""

from pathlib import Path


class TunerServiceError(Exception):
    """Base of all; its text is one sentence fit to show a person."""


class ConfigError(TunerServiceError):
    """An option, a path or a port that cannot be used as given."""


class LedgerError(TunerServiceError):
    """The ledger cannot be opened or written."""


class StoreError(TunerServiceError):
    """An adapter version is missing or damaged."""


class LearnerError(TunerServiceError):
    """The learner cannot go on."""


class RollbackError(TunerServiceError):
    """A rollback was not done."""


def unwritable(folder: Path, error: OSError, called: str = "folder") -> ConfigError:
    """Return what to raise where the disk refuses a folder that somebody named."""
    return ConfigError(
        f"Got the {called} {folder}, expected one that can be written: {error.strerror}; choose another."
    )
