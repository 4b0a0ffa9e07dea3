"""`python -m cloakroom`."""

import contextlib
import os
import signal
import sys
from types import FrameType

from cloakroom._cli import main


class _Ended(BaseException):
    """A signal asks for the end."""


def _end(number: int, _frame: FrameType | None) -> None:
    signal.signal(number, signal.SIG_DFL)  # The second time ends at once.
    raise _Ended(number)


for _number in (signal.SIGINT, signal.SIGTERM):
    if signal.getsignal(_number) != signal.SIG_IGN:
        signal.signal(_number, _end)
try:
    sys.exit(main())
except _Ended as ended:
    for _stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            _stream.flush()
    # Python would wait for small requests under way, which are done or not done as a whole.
    os._exit(128 + ended.args[0])
