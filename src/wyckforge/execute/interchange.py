"""Parsl's interchange, as a program that ends with the run that started it.

Left to itself, the interchange of a run that was killed goes on, and its workers hold their nodes until their jobs run
out of time.
"""

from __future__ import annotations

import os
import runpy
import threading
import time

_POLL_S = 1.0


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_POLL_S)
    os._exit(1)


if __name__ == "__main__":
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    runpy.run_module("parsl.executors.high_throughput.interchange", run_name="__main__")
