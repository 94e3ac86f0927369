"""The real PC/SC stack: a daemon of our own with two slots of the virtual reader, for one test.

The socket of pcscd has a fixed path, ``/run/pcscd/pcscd.comm``, so one daemon runs in a mount namespace.  Each here
gets a namespace of its own (``unshare``, which an ordinary user may as well) in which that folder is a folder of the
test; clients stay outside and find the daemon by ``PCSCLITE_CSOCK_NAME``, which is in the environment of the
process (for pyscard) while the fixture lasts.  Ports are free ones.  So every worker of pytest-xdist has its own stack,
and a daemon of the machine, with its readers, is left alone.  The daemon starts in some milliseconds; a test may
kill and start it at will.

Where namespaces are not permitted, as in many containers, but ``/run`` is ours, the daemon has the fixed path, and the
workers take turns.

::

    def test_balance(stack):                                   # the fixture of conftest.py
        with stack.insert(card), stack.insert(sam, slot=1):    # any CardLike, served by a thread of this process
            stack.wait(stack.readers[0])                       # until pcscd has seen it
            ...

Use the module with ``pytest.mark.slow``.  The path of the socket is the same for all tests of one process, because the
client library looks it up once.
"""

from __future__ import annotations

import atexit
import fcntl
import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path

import pytest

from cardos.host import CardLike
from cardos.host.serving import VpcdSlot

DAEMON = shutil.which("pcscd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
DRIVER = Path("/usr/lib/pcsc/drivers/serial/libifdvpcd.so")
#: Where pcscd has its socket.
FIXED = Path("/run/pcscd")
PACKAGES = "pcscd vsmartcard-vpcd opensc pcsc-tools"

#: What makes the folder of the test the daemon's own, then becomes the daemon.
_ENTER = """
mkdir -p /run/pcscd 2>/dev/null || { mount -t tmpfs tmpfs /run && mkdir /run/pcscd; }
mount --bind "$0" /run/pcscd && exec "$@"
"""
#: For root, and for a user who may make namespaces.
_WAYS = (("unshare", "-m"), ("unshare", "-U", "-r", "-m"))
_LIMIT = 10.0


@cache
def missing() -> str | None:
    """One line with what is to be installed, or ``None``."""
    programs = [name for name in ("opensc-tool", "pcsc_scan", "scriptor") if shutil.which(name) is None]
    if DAEMON is None or not DRIVER.exists() or programs:
        return f"needs a real PC/SC stack: apt-get install {PACKAGES}"
    if not _way() and not os.access(FIXED.parent, os.W_OK):
        return "needs a pcscd of its own: unshare -m or unshare -Urm must be permitted, or /run be writable"
    return None


@cache
def _way() -> tuple[str, ...]:
    """How a namespace is made; empty when it cannot be."""
    for way in _WAYS:
        try:
            subprocess.run([*way, "true"], check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            continue
        return way
    return ()


@contextmanager
def _turn() -> Iterator[None]:
    """The fixed path is ours alone, when we must use it."""
    if _way():
        yield
        return
    with Path(tempfile.gettempdir(), "cardos-pcsc.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if _connects(FIXED / "pcscd.comm"):
            pytest.skip("needs a pcscd of its own, but one runs on this machine; stop it")
        yield


def _connects(place: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        return client.connect_ex(str(place)) == 0


def free_ports(number: int) -> int:
    """The first of ``number`` ports in a row that nobody has."""
    while True:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            first = probe.getsockname()[1]
        with ExitStack() as taken:
            try:
                for port in range(first, first + number):
                    taken.enter_context(socket.create_server(("127.0.0.1", port)))
            except (OSError, OverflowError):
                continue
            return first


@cache
def _home() -> Path:
    """The folder of the socket, one for this process: the path of a socket must be short."""
    if not _way():
        FIXED.mkdir(exist_ok=True)
        return FIXED
    home = tempfile.mkdtemp(prefix="cardos-pcsc-")
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    return Path(home)


class Stack:
    """A pcscd of ours.  Its driver listens on ``port`` and ``port + 1``; with ``listening`` false it connects to them,
    and both cards must listen from before the daemon starts until after it stops, or Debian's driver aborts it.
    """

    def __init__(self, folder: Path, *, listening: bool = True) -> None:
        self.folder, self.listening = folder, listening
        self.home = _home()
        self.port = free_ports(2)
        self.readers = ("Virtual PCD 00 00", "Virtual PCD 00 01")
        self.environment = {**os.environ, "PCSCLITE_CSOCK_NAME": str(self.socket)}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def socket(self) -> Path:
        """Where clients reach the daemon."""
        return self.home / "pcscd.comm"

    @property
    def log(self) -> Path:
        """What the daemon said."""
        return self.folder / "pcscd.log"

    @property
    def pid(self) -> int:
        """Process id of the daemon that runs."""
        assert self._process is not None
        return self._process.pid

    # -- the daemon

    def start(self) -> None:
        """Start the daemon and wait until clients can reach it."""
        assert DAEMON is not None
        assert self._process is None
        configuration = self.folder / "reader.conf.d"
        configuration.mkdir(exist_ok=True)
        host = "/dev/null" if self.listening else "127.0.0.1"
        (configuration / "vpcd").write_text(
            f'FRIENDLYNAME "Virtual PCD"\nDEVICENAME {host}:{self.port}\n'
            f"LIBPATH {DRIVER}\nCHANNELID {self.port}\n"
        )
        for left in self.home.iterdir():  # of a daemon that was killed
            left.unlink()
        command = [DAEMON, "--foreground", "--config", str(configuration)]
        if way := _way():
            command = [*way, "sh", "-c", _ENTER, str(self.home), *command]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        # The file of the socket is there a moment before anybody listens.
        self._until(lambda: _connects(self.socket), "pcscd did not start")

    def _until(self, ready, problem: str) -> None:
        limit = time.monotonic() + _LIMIT
        while not ready():
            running = self._process is not None and self._process.poll() is None
            assert running, f"{problem}: {self.log.read_text(errors='replace')}"
            assert time.monotonic() < limit, problem
            threading.Event().wait(0.002)

    def stop(self) -> None:
        """End the daemon as a service manager does."""
        self._end("terminate")

    def kill(self) -> None:
        """End it as a crash does: its socket file stays."""
        self._end("kill")

    def _end(self, how: str) -> None:
        process, self._process = self._process, None
        if process is not None:
            getattr(process, how)()
            process.wait(_LIMIT)

    # -- cards and clients

    @contextmanager
    def insert(self, card: CardLike, slot: int = 0, **options) -> Iterator[VpcdSlot]:
        """A card in a slot of the reader, served by a thread, while the context lasts."""
        served = VpcdSlot(card, "127.0.0.1", self.port + slot, listen=not self.listening, **options)
        thread = threading.Thread(target=served.run, daemon=True)
        thread.start()
        try:
            yield served
        finally:
            served.stop()
            thread.join(_LIMIT)
            assert not thread.is_alive()

    def run(self, *command: str, text: str = "") -> subprocess.CompletedProcess[str]:
        """A client program with this daemon; ``text`` is its input."""
        return subprocess.run(
            command, env=self.environment, input=text, capture_output=True, text=True, timeout=30, check=False
        )

    def wait(self, reader: str, *, present: bool = True) -> None:
        """Wait until the daemon has seen that there is a card in a reader, or none (it looks every 0.4 s)."""
        from smartcard import scard

        result, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_SYSTEM)
        assert result == 0, scard.SCardGetErrorMessage(result)
        wanted = scard.SCARD_STATE_PRESENT if present else scard.SCARD_STATE_EMPTY
        state, limit = scard.SCARD_STATE_UNAWARE, time.monotonic() + _LIMIT
        try:
            while not state & wanted:
                assert time.monotonic() < limit, f"{reader} did not change within {_LIMIT} s"
                result, states = scard.SCardGetStatusChange(context, 1000, [(reader, state)])
                assert result in {0, scard.SCARD_E_TIMEOUT}, scard.SCardGetErrorMessage(result)
                state = states[0][1] & ~scard.SCARD_STATE_CHANGED
        finally:
            scard.SCardReleaseContext(context)


@contextmanager
def running(folder: Path, *, listening: bool = True) -> Iterator[Stack]:
    """A stack with a daemon that runs, and its socket in the environment; skips the test when something is missing."""
    if (lack := missing()) is not None:
        pytest.skip(lack)
    with _turn(), pytest.MonkeyPatch.context() as patch:
        stack = Stack(folder, listening=listening)
        patch.setenv("PCSCLITE_CSOCK_NAME", str(stack.socket))
        if listening:
            stack.start()
        try:
            yield stack
        finally:
            stack.stop()


@pytest.fixture
def stack(tmp_path) -> Iterator[Stack]:
    """A pcscd of our own with two empty slots."""
    with running(tmp_path) as stack:
        yield stack
