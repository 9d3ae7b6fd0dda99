"""Signs of life of a program that computes for minutes or hours."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from wyckforge.dft.engine import Progress

EVERY_S = 20.0
"""How often is looked; nothing is told of what ends sooner."""


@contextmanager
def watched(
    look: Callable[[], Progress | None], tell: Callable[[str], None], every_s: float = EVERY_S
) -> Iterator[None]:
    """Tell how far the work in this block is, whenever that has changed.

    Args:
        look: says how far; None where nothing is known yet. It only reads what the work writes.
        tell: is told, with the time that is left where the share is known.
        every_s: seconds between two looks.
    """
    ended, clock = threading.Event(), _Clock()

    def run() -> None:
        told = None
        while not ended.wait(every_s):
            found = look()
            if found is not None and found != told:
                told = found
                tell(found.words + clock.left(found.share))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


class _Clock:
    """Time that is left, from how fast the share grows; it need not have begun at zero."""

    def __init__(self) -> None:
        self.first: tuple[float, float] | None = None

    def left(self, share: float | None) -> str:
        """In words, with what separates them from others; empty where it cannot be told yet."""
        if share is None:
            self.first = None
            return ""
        now = time.monotonic()
        if self.first is None or share <= self.first[0]:
            self.first = share, now
            return ""
        seconds = (1 - share) * (now - self.first[1]) / (share - self.first[0])
        if seconds < 90:
            return "; about a minute left"
        return f"; {seconds / 3600:.1f} h left" if seconds >= 5400 else f"; {seconds / 60:.0f} min left"
