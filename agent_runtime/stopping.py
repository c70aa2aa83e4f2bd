"""Has signals ask a command for a stop, so that it ends in good order. Stops nothing itself."""

import signal
import threading
from collections.abc import Callable
from types import FrameType


def stop_on_signals() -> Callable[[], bool]:
    """Have SIGINT and SIGTERM ask for a stop; a second one ends the program as usual. Return who tells."""
    asked = threading.Event()

    def ask(number: int, frame: FrameType | None) -> None:
        asked.set()
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)

    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, ask)
        signal.signal(signal.SIGTERM, ask)
    return asked.is_set
