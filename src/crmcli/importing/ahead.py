"""Reading ahead: another process reads a long file and converts its rows while this one fills the database."""

import marshal
import os
import signal
from collections.abc import Callable, Iterator
from queue import Queue
from threading import Thread
from typing import Any, BinaryIO, Final, NamedTuple, NoReturn

from crmcli.errors import InvalidValue
from crmcli.store.bulk.staging import Reject

AHEAD: Final = 24  # chunks that may wait to be taken


class Chunk(NamedTuple):
    """Some rows of a file, and how many bytes of it have been read with them."""

    position: int
    staged: list[tuple[Any, ...]]
    rejected: list[Reject]


def can_run_ahead() -> bool:
    """Whether there is a second processor, and a way to start a process that knows what this one knows."""
    try:
        return hasattr(os, "fork") and len(os.sched_getaffinity(0)) > 1
    except AttributeError:  # not Linux: forking is not safe everywhere else
        return False


def run_ahead(make: Callable[[], Iterator[Chunk]]) -> Iterator[Chunk]:
    """What `make` yields, made by a copy of this process. Raises what goes wrong there as InvalidValue.

    The copy touches nothing but the file and the pipe between both: no database, no output. It ends with
    this process, whatever ends it, for nobody reads its pipe any longer.
    """
    reading, writing = os.pipe()
    # An interruption that met the copy before it is at its work would unwind it through our open transaction.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        child = os.fork()
        if child == 0:
            _work(make, reading, writing)
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    os.close(writing)
    try:
        with os.fdopen(reading, "rb") as pipe:
            while (message := _received(pipe)) is not None:
                if isinstance(message, str):
                    raise InvalidValue(message)
                yield Chunk(*message)
    finally:
        os.kill(child, signal.SIGKILL)  # it has nothing to lose; a no-op when it has ended
        os.waitpid(child, 0)


def _received(pipe: BinaryIO) -> Any:
    """The next message: a chunk, a sentence about what went wrong, or None at the end."""
    length = int.from_bytes(pipe.read(8), "big")
    data = pipe.read(length)
    if not length or len(data) < length:
        return "The process that reads the file has ended early."
    return marshal.loads(data)  # from a copy of ourselves, nobody else


def _work(make: Callable[[], Iterator[Chunk]], reading: int, writing: int) -> NoReturn:
    """The other process: send every chunk, then None, and vanish without cleaning up what is not its own."""
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal interrupts both; the other one decides
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        os.close(reading)
        ready: Queue[bytes | None] = Queue(AHEAD)
        sender = Thread(target=_send, args=(ready, writing))
        sender.start()
        try:
            for chunk in make():
                ready.put(marshal.dumps(tuple(chunk)))
            ready.put(marshal.dumps(None))
        except InvalidValue as error:
            ready.put(marshal.dumps(error.message))
        except Exception as error:  # noqa: BLE001 - whatever it is, the other process must hear of it
            ready.put(marshal.dumps(f"The file cannot be read: {type(error).__name__}: {error}"))
        ready.put(None)
        sender.join()
    finally:
        os._exit(0)


def _send(ready: "Queue[bytes | None]", writing: int) -> None:
    """Write what is ready while more is made: who reads takes a block at once, then does other things."""
    with os.fdopen(writing, "wb", buffering=0) as pipe:
        while (message := ready.get()) is not None:
            data = memoryview(len(message).to_bytes(8, "big") + message)
            while data:
                data = data[pipe.write(data) :]
