"""Where the program begins: an interrupt is answered from the first import on, and to its end."""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading


def main() -> int:
    """Run the command line; returns its exit status, 130 where it is interrupted while it loads."""
    sys.unraisablehook = _not_swallowed
    # kernels of ours run in threads of ours; NumPy's linear algebra would start some more at each import, 0.04 s
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        from calib_core.cli import kept_help, printing

        printing.hold_all()
        if kept_help.show(sys.argv[1:]):
            return 0
        kept_help.expect(sys.argv[1:])
        from calib_core.cli.main import main as run  # the imports of the whole command line
        from calib_core.io.budget import share_heap

        share_heap()
        status = run()
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # all is done and told: Python ends, which cannot be answered
        gc.disable()
        gc.freeze()  # libraries make half a million objects, which Python would go through several times at its end
        return status
    except (KeyboardInterrupt, RuntimeError) as error:
        # what hits the making of a class comes in an error of Python's before 3.12
        if not isinstance(error, KeyboardInterrupt) and not isinstance(error.__cause__, KeyboardInterrupt):
            raise
        print("calibwb: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:  # main answers its own
        return printing.let_go()


def _not_swallowed(unraisable: sys.UnraisableHookArgs) -> None:
    """Interrupt again where the first time hit what Python lets nothing out of, such as the end of an object."""
    if isinstance(unraisable.exc_value, KeyboardInterrupt):
        again = threading.main_thread().ident, signal.SIGINT
        threading.Timer(0.01, signal.pthread_kill, again).start()  # from here it would get out no more than before
    else:
        sys.__unraisablehook__(unraisable)
