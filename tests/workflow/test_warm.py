"""Jobs that start from a process with the libraries imported: as if each had started by itself."""

import json
import signal
import socket
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import psutil
import pytest
from conftest import REPOSITORY

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux has the server")
SCRIPTS = REPOSITORY / "workflow" / "scripts"
HAND_OVER = f"import sys; sys.path.append({str(SCRIPTS)!r}); import warm; warm.hand_over()\n"
# Snakemake's place: it starts the server, then scripts, each with what its line of JSON adds to the environment.
PARENT = f"""
import json, os, subprocess, sys
sys.path.append({str(SCRIPTS)!r})
import warm
warm.start("warm")
for line in sys.stdin:
    script, arguments, environment = json.loads(line)
    done = subprocess.run([sys.executable, script, *arguments], env=os.environ | environment, capture_output=True, text=True)
    print(json.dumps([done.returncode, done.stdout, done.stderr]), flush=True)
"""


class Run:
    """A process that starts a server, and scripts one at a time."""

    def __init__(self, folder):
        self.folder = folder
        command = [sys.executable, "-c", PARENT]
        streams = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self.process = subprocess.Popen(command, cwd=folder, **streams)

    def script(self, code, *arguments, **environment):
        """Run a script to its end, and return its exit status and what it wrote."""
        self.begin(code, *arguments, **environment)
        return self.ended()

    def ended(self):
        """Wait for the script that was started, and return its exit status and what it wrote."""
        return json.loads(self.process.stdout.readline())

    def end(self):
        """Kill this process, and wait for it."""
        self.process.kill()
        self.process.communicate()

    def begin(self, code, *arguments, **environment):
        """Start a script."""
        path = self.folder / "script.py"
        path.write_text(HAND_OVER + textwrap.dedent(code), encoding="utf-8")
        self.process.stdin.write(json.dumps([str(path), arguments, environment]) + "\n")
        self.process.stdin.flush()


@pytest.fixture
def run(tmp_path):
    started = Run(tmp_path)
    yield started
    started.end()


PARENT_OF = "import os, sys; print(os.getppid())"


def test_scripts_run_in_children_of_one_server_which_ends_with_the_run(run):
    servers = {run.script(PARENT_OF)[1] for _ in range(3)}
    assert len(servers) == 1
    server = psutil.Process(int(servers.pop()))
    assert "warm.py" in " ".join(server.cmdline())
    run.end()
    assert gone(server)


def gone(process):
    """Return whether a process ends within ten seconds, or has become a zombie that nobody waits for."""
    for _ in range(100):
        if not process.is_running() or process.status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.1)
    return False


def test_a_script_has_its_own_arguments_folder_environment_and_streams(run):
    code = """
    import os, sys
    print(sys.argv[1:], os.getcwd(), os.environ["TMPDIR"], __name__, sys.path[0])
    print("said", file=sys.stderr)
    """
    found = run.script(code, "one", "two words", TMPDIR="/elsewhere")
    assert found == [0, f"['one', 'two words'] {run.folder} /elsewhere __main__ {run.folder}\n", "said\n"]


def test_what_a_script_imports_is_there_before_it_starts(run):
    """Each has a copy: what one changes, another does not see."""
    code = """
    import sys
    before = "decimal" in sys.modules
    def never():
        from decimal import Decimal
    import fractions
    print(before, hasattr(fractions, "mine"))
    fractions.mine = 1
    """
    assert run.script(code)[1] == "True False\n"
    assert run.script(code)[1] == "True False\n"


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("raise SystemExit(3)", 3),
        ("1 / 0", 1),
        ("import no_such_module", 1),
        ("import os; os.abort()", -signal.SIGABRT),
        ("import os; os.kill(os.getpid(), 9)", -signal.SIGKILL),
    ],
)
def test_a_script_ends_as_it_would_by_itself(run, code, status):
    returned, _, written = run.script(code)
    assert returned == status
    alone = subprocess.run([sys.executable, run.folder / "script.py"], capture_output=True, text=True)
    assert alone.returncode == status
    assert written.splitlines()[-1:] == alone.stderr.splitlines()[-1:]


def test_a_script_with_other_numbers_of_threads_runs_by_itself(run):
    server = run.script(PARENT_OF)[1]
    assert run.script(PARENT_OF, OMP_NUM_THREADS="7")[1] != server
    assert run.script(PARENT_OF)[1] == server


def test_no_server_is_started_where_the_environment_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("AGOP_DNC_WARM", "")
    run = Run(tmp_path)
    assert int(run.script(PARENT_OF)[1]) == run.process.pid
    run.end()


def test_where_no_socket_can_be_made_scripts_run_by_themselves(tmp_path):
    (tmp_path / "warm").mkdir()  # as good as a full disk
    run = Run(tmp_path)
    assert int(run.script(PARENT_OF)[1]) == run.process.pid
    run.end()


def test_where_the_kernel_is_too_old_no_server_is_started(tmp_path, monkeypatch):
    def missing(_):
        raise OSError("Function not implemented")

    monkeypatch.syspath_prepend(SCRIPTS)
    import warm

    monkeypatch.setattr(warm.os, "pidfd_open", missing)
    monkeypatch.setattr(warm.os, "environ", {})
    warm.start(str(tmp_path / "warm"))
    assert not (tmp_path / "warm").exists()
    assert warm.os.environ == {}


SLEEPING = """
import os, time
from pathlib import Path
Path("ids").write_text(f"{os.getpid()} {os.getppid()}")
time.sleep(600)
"""


def started(run, code=SLEEPING):
    """Start a script that sleeps, and return its process, and the one that Snakemake would know as the job's."""
    run.begin(code)
    ids = Path(run.folder, "ids")
    while not (ids.exists() and len(ids.read_text().split()) == 2):
        time.sleep(0.05)
    child, _ = map(int, ids.read_text().split())
    [job] = [p for p in psutil.Process(run.process.pid).children() if str(run.folder / "script.py") in p.cmdline()]
    return psutil.Process(child), job


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_job_that_is_killed_takes_its_script_with_it(run, how):
    child, job = started(run)
    job.send_signal(how)
    assert gone(child)
    assert run.ended()[0] == -how
    assert run.script(PARENT_OF)[0] == 0  # the server goes on


def test_a_script_that_is_interrupted_may_go_on(run):
    """As a notebook's kernel does, which Jupyter interrupts before it shuts it down."""
    code = """
    import os, time
    from pathlib import Path
    try:
        Path("ids").write_text(f"{os.getpid()} {os.getppid()}")
        time.sleep(600)
    except KeyboardInterrupt:
        print("interrupted")
    """
    _, job = started(run, code)
    job.send_signal(signal.SIGINT)
    assert run.ended() == [0, "interrupted\n", ""]


def test_a_run_that_is_killed_takes_all_of_it(run):
    child, _ = started(run)
    run.end()
    assert gone(child)


@pytest.mark.parametrize("sent", [b"", b"\0\0", b"\0" * 7 + b"\5" + b"no {}"])
def test_a_job_that_ends_while_it_asks_leaves_the_server_alone(run, sent):
    server = run.script(PARENT_OF)[1]
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(run.folder / "warm"))
        connection.sendall(sent)
    assert run.script(PARENT_OF)[1] == server


def test_a_job_whose_server_is_killed_fails(run):
    child, _ = started(run)
    child.parent().kill()
    assert gone(child)
    assert run.ended()[0] == -signal.SIGKILL
