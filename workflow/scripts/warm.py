"""Start jobs in copies of one process that has imported the libraries already (Linux only).

Importing PyTorch takes two seconds of processor time, which a run of a hundred short jobs would pay a hundred times. A run starts one
server (:func:`start`). A job's script calls :func:`hand_over` before it imports anything large. The server imports what the script
imports, unless it has done so before, and forks; the child runs the script with the job's own streams, folder, environment and
arguments. The job's process waits, and ends as the child ends. If it is interrupted or killed, so is the child; if Snakemake ends, all are.

Libraries read some of the environment when they are loaded (numbers of threads, vector instructions). A job whose environment is not
that of the first job, or that runs in another Python, goes on by itself, as every job does if there is no server.
"""

import ctypes
import gc
import json
import os
import runpy
import selectors
import signal
import socket
import struct
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

ADDRESS = "AGOP_DNC_WARM"
# Names the file of a job to which the cost of its own processes is added, if they are handed over in turn, and so are not its children.
ACCOUNT = "AGOP_DNC_ACCOUNT"
# What differs between jobs, and is not read by libraries when they are loaded.
OWN = {
    ADDRESS,
    ACCOUNT,
    "PWD",
    "OLDPWD",
    "SHLVL",
    "_",
    "TMPDIR",
    "TMP",
    "TEMP",
    "TEMPDIR",
    "JUPYTER_PATH",
    "IPYTHONDIR",
}
_LENGTH = struct.Struct("!Q")
_YES, _INTERRUPT = b"y", b"i"
_PYTHON = [sys.executable, sys.version]
_serving = False


def die_with_parent() -> None:
    """Have the kernel kill this process when the one that started it ends, in whatever way (Linux only; elsewhere this does nothing)."""
    if sys.platform == "linux":
        set_parent_death_signal = 1
        ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL)


def start(address: str) -> None:
    """Start the server of a run, which ends with this process, and let the jobs know where it is; not if AGOP_DNC_WARM is set, and empty."""
    if sys.platform != "linux" or os.environ.get(ADDRESS) == "":
        return
    with suppress(OSError):
        os.unlink(address)
    # Where the disk has no room for a socket, or the kernel (before 5.3) no descriptors of processes, jobs start by themselves.
    with suppress(OSError), socket.socket(socket.AF_UNIX) as listener:
        os.close(os.pidfd_open(os.getpid()))
        listener.bind(address)
        listener.listen(64)
        nothing = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
        command = [sys.executable, __file__, str(listener.fileno())]
        subprocess.Popen(command, pass_fds=[listener.fileno()], start_new_session=True, **nothing)
        os.environ[ADDRESS] = address


def hand_over() -> None:
    """Have the server run this process's script, and end as it ends; return if no server takes it."""
    address = os.environ.get(ADDRESS)
    if not address or _serving or not os.path.isfile(sys.argv[0]):
        return
    job = {"argv": sys.argv, "folder": os.getcwd(), "environment": dict(os.environ), "python": _PYTHON}
    with suppress(OSError), socket.socket(socket.AF_UNIX) as connection:
        connection.connect(address)
        message = json.dumps(job).encode()
        socket.send_fds(connection, [_LENGTH.pack(len(message))], [0, 1, 2])
        connection.sendall(message)
        if connection.recv(1) == _YES:
            # The child is interrupted, too, and may go on: a notebook's kernel does.
            signal.signal(signal.SIGINT, lambda *_: connection.sendall(_INTERRUPT))
            _end_as(connection)


def _end_as(connection: socket.socket) -> None:
    """End with the exit status that the server tells, or by the signal of which it is the negative."""
    try:
        status = int(connection.recv(16))
    except (OSError, ValueError):  # the server itself was killed, and the child with it
        status = -signal.SIGKILL
    if status < 0:
        if status != -signal.SIGKILL:
            signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    os._exit(status)


def _shared(environment: dict[str, str]) -> dict[str, str]:
    """Return the variables that a job must have in common with the server."""
    return {name: value for name, value in environment.items() if name not in OWN and not name.startswith("JPY_")}


class Server:
    """Fork a child for each job that is handed over, and tell the job's process how the child has ended."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self._selector = selectors.DefaultSelector()
        self._selector.register(listener, selectors.EVENT_READ)
        self._children: dict[socket.socket, tuple[int, str | None]] = {}
        self._environment: dict[str, str] | None = None

    def serve(self) -> dict[str, Any]:
        """Serve; return in each child only, with its job."""
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is self._listener:
                    connection, _ = self._listener.accept()
                    job = self._accept(connection)
                    if job is not None:
                        return job
                elif key.data is not None:
                    self._tell(key.fd, key.data)
                elif key.fileobj in self._children:
                    self._pass_on(key.fileobj)

    def _accept(self, connection: socket.socket) -> dict[str, Any] | None:
        """Fork for a job, and return it in the child; a job that is not taken goes on by itself."""
        streams: list[int] = []
        child = -1
        try:
            job = _received(connection, streams)
            if job["python"] == _PYTHON and self._suits(job["environment"]):
                code.preload(job["argv"][0])
                gc.freeze()
                child = os.fork()
        except (
            Exception
        ):  # whatever it is, such as a job killed while it asks: the other jobs must not end with the server
            pass
        if child == 0:
            for number, stream in enumerate(streams):
                os.dup2(stream, number)
        for stream in streams:  # the job's reader waits until nobody holds them
            os.close(stream)
        if child <= 0:
            connection.close()
        if child == 0:
            self._close()
            return job
        if child > 0:
            with suppress(OSError):
                connection.sendall(_YES)
            self._children[connection] = child, job["environment"].get(ACCOUNT)
            self._selector.register(connection, selectors.EVENT_READ)
            self._selector.register(os.pidfd_open(child), selectors.EVENT_READ, connection)
        return None

    def _pass_on(self, connection: socket.socket) -> None:
        """Interrupt a child whose job's process was interrupted; kill one whose job's process has ended."""
        try:
            interrupted = connection.recv(1) == _INTERRUPT
        except OSError:
            interrupted = False
        if not interrupted:
            self._selector.unregister(connection)
        os.kill(self._children[connection][0], signal.SIGINT if interrupted else signal.SIGKILL)

    def _suits(self, environment: dict[str, str]) -> bool:
        """Return whether libraries read the same environment here as in a job; the first job's becomes the server's."""
        if self._environment is None:
            self._environment = _shared(environment)
            _set_environment(environment)
        return self._environment == _shared(environment)

    def _tell(self, pidfd: int, connection: socket.socket) -> None:
        """Tell a job's process how its child has ended."""
        child, account = self._children.pop(connection)
        _, status, used = os.wait4(child, 0)
        if account:
            cost = {"cpu_seconds": used.ru_utime + used.ru_stime, "peak_memory": used.ru_maxrss}
            with suppress(OSError), open(account, "a", encoding="utf-8") as lines:
                lines.write(json.dumps(cost) + "\n")
        self._selector.unregister(pidfd)
        os.close(pidfd)
        with suppress(KeyError):
            self._selector.unregister(connection)
        with connection, suppress(OSError):
            connection.sendall(str(os.waitstatus_to_exitcode(status)).encode())

    def _close(self) -> None:
        for key in list(self._selector.get_map().values()):
            key.fileobj.close() if isinstance(key.fileobj, socket.socket) else os.close(key.fd)
        self._selector.close()


def _received(connection: socket.socket, streams: list[int]) -> dict[str, Any]:
    """Return a job; its standard streams are added to `streams`."""
    connection.settimeout(10)
    head, received, _, _ = socket.recv_fds(connection, _LENGTH.size, 3)
    streams += received
    missing, parts = _LENGTH.unpack(head)[0], []
    while missing:
        parts.append(connection.recv(missing))
        if not parts[-1]:
            raise ConnectionError("the job's process has ended")
        missing -= len(parts[-1])
    return dict(json.loads(b"".join(parts)))


def _set_environment(environment: dict[str, str]) -> None:
    os.environ.clear()
    os.environ.update(environment)


def main(listener: socket.socket) -> None:
    """Serve; in each child, run its job's script."""
    die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Snakemake ends its jobs, and their children with them
    gc.disable()
    server = os.getpid()
    job = Server(listener).serve()
    die_with_parent()
    if os.getppid() != server:
        os._exit(1)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    gc.enable()
    _set_environment(job["environment"])
    os.chdir(job["folder"])
    sys.argv = job["argv"]
    sys.path[0] = str(Path(sys.argv[0]).parent)
    runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    sys.path.insert(1, str(Path(__file__).resolve().parents[2] / "src"))
    from agop_dnc.pipeline import code

    _serving = True
    sys.modules["warm"] = sys.modules[__name__]
    main(socket.socket(fileno=int(sys.argv[1])))
