"""Keeps a copy of a student's tensors from when they were sound, and brings it back. Judges no update."""

from torch import Tensor

from tuner.errors import LearnerError
from tuner.learner.finite import NotFiniteError, require_sound
from tuner.learner.student import Student


class GoodWeights:
    """The last good tensors of ``student``, its optimizers' included; none before the first ``remember``."""

    def __init__(self, student: Student) -> None:
        self._student = student
        self._kept: dict[str, Tensor] | None = None

    def remember(self) -> NotFiniteError | None:
        """Keep the tensors as they are; bring back those kept last where they are not sound, and return what is wrong.

        Raises:
            LearnerError: they are not sound, and there are none to bring back.
        """
        tensors = self._student.tensors()
        try:
            require_sound(tensors)
        except NotFiniteError as error:
            if self._kept is None:
                raise LearnerError(
                    f"Got weights to start from that must not be used ({error}), expected sound ones: move the newest "
                    "files out of the folder learner in the state folder, to go on from those before."
                ) from error
            self.bring_back()
            return error
        self._kept = _copies(tensors)
        return None

    def bring_back(self) -> None:
        """Undo whatever happened since ``remember``."""
        assert self._kept is not None, "remember comes first"
        self._student.load(_copies(self._kept))  # an optimizer keeps what it is given and writes into it


def _copies(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in tensors.items()}
