"""Every error the tuner raises on purpose, as one tree. Holds no handling.

TunerServiceError        one sentence: what was got, what was expected, what to do
├── ConfigError          an option, a path or a port that cannot be used as given (exit code 2)
├── LedgerError          the ledger cannot be opened or written: nothing is acknowledged
├── StoreError           an adapter version that is missing, or whose bytes are not what was published
├── LearnerError         the learner cannot go on from its state
└── RollbackError        a rollback that was asked for and not done
"""


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
