"""How far a long command is: one line on stderr, drawn over itself, and only on a terminal."""

from collections.abc import Callable
from time import monotonic
from types import TracebackType

from crmcli.render.bars import bar
from crmcli.render.clean import clean
from crmcli.render.look import Look, speaks
from crmcli.render.measure import cells, shorten

_PAUSE = 0.1  # seconds between two drawings
_BAR = 20


def _ignored(_count: int) -> None:
    """Nobody is watching."""


class progress:
    """`with progress(total, label, look) as advance: advance(100)`; a total of None is not known."""

    def __init__(
        self, total: int | None, label: str, look: Look, clock: Callable[[], float] = monotonic
    ) -> None:
        self._total = total
        self._label = clean(label)
        self._look = look
        self._clock = clock
        self._done = 0
        self._drawn = 0  # cells on the screen
        self._next = 0.0

    def __enter__(self) -> Callable[[int], None]:
        self._next = self._clock() + _PAUSE  # what is done at once draws nothing
        return self._advance if self._look.live else _ignored

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._drawn:
            self._put("")
            self._look.err.write("\r")
            self._look.err.flush()

    def _advance(self, count: int) -> None:
        self._done += count
        now = self._clock()
        if now >= self._next:
            self._next = now + _PAUSE
            self._put(self._line())

    def _line(self) -> str:
        if not self._total:
            return f"{self._label}  {self._done:,}"
        share = self._done / self._total
        drawn = bar(share, _BAR, ascii=not speaks(self._look.err))
        return f"{self._label}  {drawn}  {min(share, 1):4.0%}  {self._done:,} of {self._total:,}"

    def _put(self, line: str) -> None:
        line = shorten(line, (self._look.width or 80) - 1, "")
        width = cells(line)
        self._look.err.write("\r" + line + " " * (self._drawn - width))
        self._look.err.flush()
        self._drawn = width
