"""Ctrl-C is noted, and takes effect between two steps, when no update is half done."""

import signal
import threading


class Interrupts:
    """Context manager that notes the first Ctrl-C; only a second one stops at once.

    Only Python's main thread receives Ctrl-C. In other threads, and in a process that ignores the
    signal, this context manager does nothing.

    Attributes
    ----------
    pressed : bool
        Whether Ctrl-C was pressed.
    """

    def __init__(self):
        self.pressed = False
        self._previous = None

    def __enter__(self):
        main = threading.current_thread() is threading.main_thread()
        if main and signal.getsignal(signal.SIGINT) not in (signal.SIG_IGN, None):
            self._previous = signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(self, *error):
        if self._previous is not None:
            signal.signal(signal.SIGINT, self._previous)

    def _note(self, number, frame):
        if self.pressed:
            raise KeyboardInterrupt
        self.pressed = True
