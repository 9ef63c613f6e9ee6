"""Work on all processor cores, in processes that end with the one that started them.  Chapter 1's pixels come so."""

import os
import signal
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from threading import Thread

from helpers.data._files import DataError


def in_parallel(function, jobs, workers, what):
    """Yield ``function(job)`` of each job, in order, from so many worker processes; of fewer than two, from this one.

    Parameters
    ----------
    function : callable
        Of a module, so that a worker can find it.
    jobs : list
        What it is called with, one after the other.
    workers : int
    what : str
        What a worker does, for the message: ``"decodes images"``.

    Raises
    ------
    helpers.data.DataError
        If a worker is ended from outside.  What ``function`` raises is raised here, and what is left is not begun.
    """
    if workers < 2:
        yield from map(function, jobs)
        return
    # A forked worker starts in milliseconds; macOS's own libraries do not stand a fork, and Windows has none.
    method = "fork" if sys.platform == "linux" else "spawn"
    pool = ProcessPoolExecutor(workers, get_context(method), initializer=_start_worker, initargs=(os.getpid(),))
    try:
        for running in [pool.submit(function, job) for job in jobs]:
            yield running.result()
    except BrokenProcessPool as error:
        raise DataError(
            f"a worker process that {what} was ended from outside, most often for lack of memory. "
            "Close other programs and run the cell again; nothing half-written is left."
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _start_worker(parent):
    """Leave Ctrl-C to the parent process, and do not outlive it if it is killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent):
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)
