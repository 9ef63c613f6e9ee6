"""Work on all processor cores: joblib's worker processes, with a clear word where one of them is killed."""

import os
import signal
import time
from concurrent.futures.process import BrokenProcessPool
from threading import Thread

from joblib import Parallel, delayed

from helpers.data._files import DataError


def in_parallel(function, jobs, workers, what):
    """Yield ``function(job)`` of each job, in order, from so many worker processes; of fewer than two, from this one.

    Parameters
    ----------
    function : callable
        Of a module, so that a worker can import it.
    jobs : list
        What it is called with, one after the other.
    workers : int
    what : str
        What a worker does, for the message: ``"decodes images"``.

    Raises
    ------
    helpers.data.DataError
        If a worker is ended from outside.  What ``function`` raises is raised here, and what is left is not begun.

    Examples
    --------
    >>> list(in_parallel(abs, [-1, 2, -3], workers=1, what="counts"))
    [1, 2, 3]
    """
    if workers < 2:
        yield from map(function, jobs)
        return
    parallel = Parallel(
        n_jobs=workers,
        return_as="generator",
        max_nbytes=None,  # arguments travel by pipe: memory maps would leave files in a temporary folder
        initializer=_start_worker,
        initargs=(os.getpid(),),
    )
    try:
        yield from parallel(delayed(function)(job) for job in jobs)
    except BrokenProcessPool as error:
        raise DataError(
            f"a worker process that {what} was ended from outside, most often for lack of memory. "
            "Close other programs and run the cell again; nothing half-written is left."
        ) from error


def _start_worker(parent):
    """Leave Ctrl-C to the parent process, and do not outlive it if it is killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent):
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)
