"""Becomes a program that is killed as soon as the process that started it is gone, however that went (Linux).

Run as a script, with the number of that process, the program and its arguments. To ask for this between fork and exec
would not be safe in a process with threads.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    parent, program, *arguments = sys.argv[1:]
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "the end of the parent cannot be watched")
    if os.getppid() != int(parent):
        sys.exit("The parent is gone already.")
    os.execv(program, [program, *arguments])  # noqa: S606  (whoever runs this has chosen the program)


if __name__ == "__main__":
    main()
