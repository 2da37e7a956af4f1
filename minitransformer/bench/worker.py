"""A worker process, which runs one implementation and answers requests line by line.

Requests are read from standard input and answers are written to standard output, one JSON object
per line. ``about`` returns versions, and ``peak`` the speed of the fastest matrix product.
``prepare`` creates a model and its batches, ``step`` takes one step and returns its seconds, and
``memory`` returns the peak memory. An answer with the key "error" says in one line what went wrong.

Run as ``python -m minitransformer.bench.worker SIDE``, where SIDE is ``ours`` or ``torch``.
"""

import json
import os
import signal
import sys
import time

from minitransformer.bench import memory
from minitransformer.bench.workloads import read_case


def side_named(name):
    """The module of an implementation, which is imported only when this is called."""
    if name == "torch":
        from minitransformer.bench import torch_side as module
    else:
        from minitransformer.bench import ours as module
    return module


class Server:
    """Answers requests for one implementation.

    Parameters
    ----------
    side : module
        A module with ``about()``, ``peak(device)`` and ``steps(case, device, threads, **options)``.
        The object that ``steps`` returns has ``step(number)``, ``wait()`` and
        ``device_memory()``.
    """

    def __init__(self, side):
        self.side, self.steps, self.start = side, None, memory.current()

    def about(self):
        return {"about": self.side.about()}

    def peak(self, device):
        """Operations per second of the fastest float32 matrix product measured."""
        return {"flops": self.side.peak(device)}

    def prepare(self, case, device, threads, options):
        self.steps = self.side.steps(read_case(case), device, threads, **options)
        return {}

    def step(self, number):
        start = time.perf_counter()
        self.steps.step(number)
        self.steps.wait()
        return {"seconds": time.perf_counter() - start}

    def memory(self):
        """Peak and initial memory, in bytes: the device's, or, on the CPU, the process's."""
        on_device = self.steps.device_memory()
        if on_device is not None:
            return {"peak_bytes": on_device, "start_bytes": 0}
        peak = memory.peak()
        peak = peak and peak + memory.of_children()
        return {"peak_bytes": peak, "start_bytes": self.start}

    def answer(self, line):
        """The answer to one request, as a dict."""
        request = json.loads(line)
        try:
            return getattr(self, request.pop("do"))(**request)
        except Exception as error:  # the parent process must learn of any error
            text = " ".join(str(error).split()) or "no message"
            return {"error": f"{type(error).__name__}: {text}"}


def main():
    """Answer requests until standard input ends."""
    # Ctrl-C is for the parent, which ends this process.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # The output of libraries must not be mixed with the answers, so it goes to standard error.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    server = Server(side_named(sys.argv[1]))
    for line in sys.stdin:
        print(json.dumps(server.answer(line)), file=answers, flush=True)


if __name__ == "__main__":
    main()
