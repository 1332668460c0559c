"""Downloads that break off, or bring what they should not: one sentence, nothing half-written taken for whole, and then success.

A server on this machine stands in for the mirrors; torchvision's own downloading, checking and unpacking run against it.
"""

import gc
import gzip
import hashlib
import http.server
import io
import json
import os
import pickle
import signal
import socket
import struct
import subprocess
import sys
import tarfile
import threading
import time

import numpy as np
import pytest
import scipy.io
import torchvision.datasets as known

from agop_dnc.data import datasets, downloads
from agop_dnc.errors import UserError

# torchvision keeps answers of HTTP that are errors, with their sockets, until they are garbage.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")

NAMES = ("mnist", "cifar10", "svhn")
TRAIN, TEST = 200, 20
BATCHES = {"data_batch_1": TRAIN // 2, "data_batch_2": TRAIN // 2, "test_batch": TEST}


def idx_archives(rng):
    """MNIST's archives, with images of chance, which gzip cannot make smaller."""
    made = {}
    for part, count in (("train", TRAIN), ("t10k", TEST)):
        images = rng.integers(0, 256, size=(count, 28, 28), dtype=np.uint8)
        images = struct.pack(">4i", 2051, *images.shape) + images.tobytes()
        labels = struct.pack(">2i", 2049, count) + bytes(i % 10 for i in range(count))
        made[f"{part}-images-idx3-ubyte.gz"] = gzip.compress(images, mtime=0)
        made[f"{part}-labels-idx1-ubyte.gz"] = gzip.compress(labels, mtime=0)
    return made


def batches(rng):
    """CIFAR-10's pickles, two of them for training."""
    made = {"batches.meta": pickle.dumps({"label_names": list("abcdefghij")})}
    for file, count in BATCHES.items():
        pixels = rng.integers(0, 256, size=(count, 3 * 32 * 32), dtype=np.uint8)
        made[file] = pickle.dumps({"data": pixels, "labels": [i % 10 for i in range(count)]})
    return made


def mats(rng):
    """SVHN's two files."""
    made = {}
    for part, count in (("train", TRAIN), ("test", TEST)):
        file = io.BytesIO()
        x = rng.integers(0, 256, size=(32, 32, 3, count), dtype=np.uint8)
        scipy.io.savemat(file, {"X": x, "y": (np.arange(count) % 10 + 1)[:, None].astype(np.uint8)})
        made[f"{part}_32x32.mat"] = file.getvalue()
    return made


def md5(content):
    return hashlib.md5(content).hexdigest()


class Mirror(http.server.ThreadingHTTPServer):
    """Serves `files`; with `fault` set, all but the first `good` of them broken off, standing still or of other content."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Answer)
        self.address = f"http://127.0.0.1:{self.server_port}/"
        self.files, self.asked = {}, []
        self.fault, self.good, self.over = None, 0, threading.Event()
        self.refused = False

    def handle_error(self, *arguments):
        """Say nothing of clients that hung up: that is what the tests are about."""


class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        # torchvision first asks where the file is, with a GET whose header "Method" says HEAD.
        looking = self.headers.get("Method") == "HEAD"
        name = self.path[1:]
        content = self.server.files[name]
        if not looking:
            self.server.asked.append(name)
        fault = self.server.fault if len(self.server.asked) > self.server.good else None
        if fault == "gone":
            self.server.refused = True
            return self.send_error(404)
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if looking:
            return None
        if fault == "other":
            content = content[:-1] + bytes([content[-1] ^ 1])
        self.wfile.write(content[: len(content) // 2])
        if fault == "stands still":
            self.wfile.flush()
            self.server.over.wait(20)
        elif fault == "slow":
            time.sleep(0.3)
        if fault in ("breaks off", "stands still"):
            self.close_connection = True
            return None
        self.wfile.write(content[len(content) // 2 :])

    def log_message(self, *arguments):
        pass


@pytest.fixture
def mirror(rng, monkeypatch):
    """A server with all three datasets, and torchvision made to know their addresses and checksums."""
    server = Mirror()
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    archives = idx_archives(rng)
    server.files |= archives
    monkeypatch.setattr(known.MNIST, "mirrors", [server.address])
    monkeypatch.setattr(known.MNIST, "resources", [(file, md5(content)) for file, content in archives.items()])

    pickles = batches(rng)
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w:gz") as opened:
        for file, content in pickles.items():
            member = tarfile.TarInfo(f"cifar-10-batches-py/{file}")
            member.size = len(content)
            opened.addfile(member, io.BytesIO(content))
    server.files["cifar-10-python.tar.gz"] = tar.getvalue()
    checksums = [[file, md5(pickles[file])] for file in BATCHES]
    monkeypatch.setattr(known.CIFAR10, "url", server.address + "cifar-10-python.tar.gz")
    monkeypatch.setattr(known.CIFAR10, "tgz_md5", md5(tar.getvalue()))
    monkeypatch.setattr(known.CIFAR10, "train_list", checksums[:2])
    monkeypatch.setattr(known.CIFAR10, "test_list", checksums[2:])
    monkeypatch.setattr(known.CIFAR10, "meta", known.CIFAR10.meta | {"md5": md5(pickles["batches.meta"])})

    server.files |= mats(rng)
    split_list = {
        split: [f"{server.address}{split}_32x32.mat", f"{split}_32x32.mat", md5(server.files[f"{split}_32x32.mat"])]
        for split in ("train", "test")
    }
    monkeypatch.setattr(known.SVHN, "split_list", split_list)
    yield server
    server.over.set()
    server.shutdown()
    server.server_close()
    if server.refused:
        gc.collect()  # while the warnings that it brings are ignored


def prepare(root, name, download=True):
    return datasets.prepare(name, {"source": "torchvision", "n": TRAIN}, root, download=download)


def is_whole(dataset):
    return len(dataset.x_train) == TRAIN and len(dataset.x_test) == TEST


def tree(folder):
    """Every file under a folder, by its path there, with its bytes; without the locks, which are empty and stay."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".lock")
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


DATA_FILES = {
    "mnist": "MNIST/raw/train-images-idx3-ubyte",
    "cifar10": "cifar-10-batches-py/data_batch_2",
    "svhn": "train_32x32.mat",
}


@pytest.mark.parametrize("name", NAMES)
def test_what_was_fetched_lies_where_torchvision_looks_for_it_and_is_not_asked_for_again(tmp_path, mirror, name):
    assert is_whole(prepare(tmp_path, name))
    assert not list(tmp_path.glob(".*.partial"))
    before, asked = tree(tmp_path), list(mirror.asked)
    assert DATA_FILES[name] in before
    mirror.fault = "gone"
    assert is_whole(prepare(tmp_path, name))
    assert is_whole(prepare(tmp_path, name, download=False))
    assert (tree(tmp_path), mirror.asked) == (before, asked)


@pytest.mark.parametrize("name", NAMES)
def test_data_put_there_by_hand_needs_no_server_and_nothing_is_written(tmp_path, mirror, name):
    prepare(tmp_path, name)
    for path in tmp_path.rglob("*"):
        if path.name.endswith((".gz", ".lock")):
            path.unlink()
    left, asked = sorted(tmp_path.rglob("*")), list(mirror.asked)
    for download in (True, False):
        assert is_whole(prepare(tmp_path, name, download))
    assert (sorted(tmp_path.rglob("*")), mirror.asked) == (left, asked)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("fault", "reason"),
    [("breaks off", "corrupted"), ("other", "corrupted"), ("stands still", "timed out"), ("gone", "HTTP Error 404")],
)
def test_a_download_that_fails_gets_a_sentence_and_the_next_succeeds(
    tmp_path, mirror, monkeypatch, name, fault, reason
):
    monkeypatch.setattr(downloads, "SILENCE", 0.3)
    mirror.fault = fault
    with pytest.raises(
        UserError, match=rf"^dataset {name}: downloading to .* failed \(.*{reason}.*\); check the network"
    ) as caught:
        prepare(tmp_path, name)
    assert "\n" not in str(caught.value)
    assert not [path for path in tree(tmp_path) if ".partial" not in path]
    with pytest.raises(UserError, match="no whole copy"):
        prepare(tmp_path, name, download=False)
    mirror.fault = None
    assert is_whole(prepare(tmp_path, name))
    assert socket.getdefaulttimeout() is None


def test_a_server_that_is_down_gets_a_sentence(tmp_path, mirror, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        nowhere = f"http://127.0.0.1:{closed.getsockname()[1]}/"
    monkeypatch.setattr(known.MNIST, "mirrors", [nowhere, nowhere])
    with pytest.raises(UserError, match=rf"failed \(.*{nowhere}.*refused.*{nowhere}.*refused.*\); check the network"):
        prepare(tmp_path, "mnist")


def test_archives_that_came_whole_are_not_fetched_again(tmp_path, mirror):
    for name, good in (("mnist", 3), ("svhn", 1)):
        mirror.asked.clear()
        mirror.fault, mirror.good = "breaks off", good
        with pytest.raises(UserError):
            prepare(tmp_path, name)
        assert len(mirror.asked) == good + 1
        broken_off = mirror.asked[-1]
        mirror.asked.clear()
        mirror.fault = None
        assert is_whole(prepare(tmp_path, name))
        assert mirror.asked == [broken_off]


@pytest.mark.parametrize("name", ["mnist", "cifar10"])
def test_archives_put_there_by_hand_are_unpacked_without_a_server(tmp_path, mirror, name):
    prepare(tmp_path, name)
    for path in list(tmp_path.rglob("*")):
        if path.is_file() and path.suffix != ".gz":
            path.unlink()
    mirror.fault = "gone"
    archives = tree(tmp_path)
    assert is_whole(prepare(tmp_path, name))
    assert archives.items() < tree(tmp_path).items()
    assert not any(path.is_symlink() for path in tmp_path.rglob("*"))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("length", [0, 3, 9, 0.5, -1])
def test_a_file_cut_short_is_named_stays_until_there_is_another_and_is_replaced(tmp_path, mirror, name, length):
    prepare(tmp_path, name)
    for path in tmp_path.rglob("*.gz"):
        path.unlink()
    damaged = tmp_path / DATA_FILES[name]
    whole = damaged.read_bytes()
    cut = whole[: int(length * len(whole)) if length == 0.5 else length]
    damaged.write_bytes(cut)
    with pytest.raises(UserError, match=rf"no whole copy .*damaged: {DATA_FILES[name]}\); set .*data.download: true"):
        prepare(tmp_path, name, download=False)
    mirror.fault = "breaks off"
    with pytest.raises(UserError, match="downloading"):
        prepare(tmp_path, name)
    assert damaged.read_bytes() == cut
    mirror.fault = None
    assert is_whole(prepare(tmp_path, name))
    assert damaged.read_bytes() == whole


def test_two_at_once_fetch_one_copy(tmp_path, mirror):
    mirror.fault = "slow"
    results = []
    threads = [threading.Thread(target=lambda: results.append(prepare(tmp_path, "mnist"))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [is_whole(result) for result in results] == [True, True]
    assert sorted(mirror.asked) == sorted(file for file, _ in known.MNIST.resources)


def test_a_link_that_a_killed_fetch_left_is_not_written_through(tmp_path, mirror):
    """It links to an archive that lay under the root then, and does no longer."""
    first, _ = known.MNIST.resources[0]
    link = tmp_path / ".MNIST.partial" / "MNIST" / "raw" / first
    link.parent.mkdir(parents=True)
    (tmp_path / "MNIST" / "raw").mkdir(parents=True)
    link.symlink_to(tmp_path / "MNIST" / "raw" / first)
    mirror.fault = "breaks off"
    with pytest.raises(UserError, match="downloading"):
        prepare(tmp_path, "mnist")
    assert not [path for path in tree(tmp_path) if ".partial" not in path]
    mirror.fault = None
    assert is_whole(prepare(tmp_path, "mnist"))


@pytest.mark.parametrize("name", ["cifar10", "svhn"])
def test_a_file_that_may_not_be_read_is_named(tmp_path, mirror, monkeypatch, name):
    prepare(tmp_path, name)

    def refuse(path, *arguments, **more):
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(known.utils, "calculate_md5", refuse)
    with pytest.raises(UserError, match=rf"no whole copy .*damaged: .*{DATA_FILES[name]}"):
        prepare(tmp_path, name, download=False)


def test_a_root_that_cannot_be_made_gets_a_sentence(tmp_path, mirror):
    (tmp_path / "data").write_text("a file")
    with pytest.raises(UserError, match=r"downloading to .* failed .*FileExistsError.* check the network and the disk"):
        prepare(tmp_path / "data", "svhn")


# A process that fetches MNIST from the mirror, and dies by SIGKILL at a point of its own, or is killed from outside.
VICTIM = """
import json, os, pathlib, signal, sys
import torchvision.datasets as known
from torchvision.datasets import utils
from agop_dnc.data import datasets

mirror, resources, root, point = json.loads(sys.argv[1])
known.MNIST.mirrors, known.MNIST.resources = [mirror], resources

def die():
    os.kill(os.getpid(), signal.SIGKILL)

unpack, replace, unpacked, moved = utils._decompress, os.replace, [], []

def unpack_three_and_a_half(source, target, **rest):
    result = unpack(source, target, **rest)
    unpacked.append(target)
    if len(unpacked) == 4:
        os.truncate(target, os.path.getsize(target) // 2)
        die()
    return result

def move_three(source, target):
    replace(source, target)
    moved.append(target)
    if len(moved) == 3:
        die()

if point == "unpacking":
    utils._decompress = unpack_three_and_a_half
if point == "moving":
    os.replace = move_three
datasets.prepare("mnist", {"source": "torchvision", "n": 40}, root, download=True)
"""


@pytest.mark.parametrize("point", ["downloading", "unpacking", "moving"])
def test_after_a_kill_nothing_half_written_counts_and_the_next_start_succeeds(tmp_path, mirror, point):
    root, reference = tmp_path / "root", tmp_path / "reference"
    prepare(reference, "mnist")
    mirror.asked.clear()
    mirror.fault = "stands still" if point == "downloading" else None
    settings = json.dumps([mirror.address, known.MNIST.resources, str(root), point])
    with subprocess.Popen([sys.executable, "-c", VICTIM, settings], stderr=subprocess.DEVNULL) as victim:
        if point == "downloading":
            half = root / ".MNIST.partial" / "MNIST" / "raw" / known.MNIST.resources[0][0]
            deadline = time.monotonic() + 20
            while not (half.exists() and half.stat().st_size) and time.monotonic() < deadline:
                time.sleep(0.02)
            assert 0 < half.stat().st_size < len(mirror.files[half.name])
            victim.kill()
        assert victim.wait(timeout=20) == -signal.SIGKILL
    with pytest.raises(UserError, match="no whole copy"):
        prepare(root, "mnist", download=False)
    wanted = tree(reference)
    assert all(wanted[path] == content for path, content in tree(root).items() if ".partial" not in path)
    before = list(mirror.asked)
    mirror.fault = None
    assert is_whole(prepare(root, "mnist"))
    assert tree(root) == wanted
    if point == "moving":
        assert mirror.asked == before


def test_what_an_earlier_torchvision_left_half_unpacked_is_not_read(tmp_path, mirror):
    """A sound archive next to a damaged file, as torchvision leaves it when it unpacks in place."""
    prepare(tmp_path, "mnist")
    files = tree(tmp_path)
    (tmp_path / "MNIST/raw/t10k-labels-idx1-ubyte").write_bytes(files["MNIST/raw/t10k-labels-idx1-ubyte"][:-5])
    (tmp_path / "MNIST/raw/t10k-images-idx3-ubyte").unlink()
    mirror.fault = "gone"
    assert is_whole(prepare(tmp_path, "mnist"))
    assert tree(tmp_path) == files


def test_a_home_in_the_root_is_the_same_for_fetching_and_reading(tmp_path, mirror, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert is_whole(prepare("~/mine", "svhn"))
    assert sorted(os.listdir(tmp_path)) == ["mine"]
