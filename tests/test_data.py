"""Datasets: every source, the same arrays out of it, and a sentence for what cannot be read."""

import gzip
import hashlib
import http.server
import os
import struct
import threading
from pathlib import Path

import numpy as np
import pytest
import scipy.io
import torch
import torchvision

from agop_dnc.data import datasets
from agop_dnc.errors import UserError

REAL = os.environ.get("AGOP_DNC_DATA")


def write_npz(path, rng, **replaced):
    arrays = {
        "x_train": rng.integers(0, 256, size=(40, 5, 4, 3), dtype=np.uint8),
        "y_train": np.tile([3, 7, 5, 3], 10),
        "x_test": rng.integers(0, 256, size=(9, 5, 4, 3), dtype=np.uint8),
        "y_test": np.tile([3, 7, 5], 3),
    } | replaced
    np.savez(path, **{name: array for name, array in arrays.items() if array is not None})
    return {"source": "npz", "path": str(path)}, arrays


def test_digits_are_the_first_n_ordered_by_class_and_the_rest_are_for_testing():
    from sklearn.datasets import load_digits

    raw = load_digits()
    dataset = datasets.prepare("digits", {"source": "sklearn", "n": 1500})
    order = np.argsort(raw.target[:1500], kind="stable")
    np.testing.assert_array_equal(dataset.x_train[:, 0], raw.images[:1500][order])
    np.testing.assert_array_equal(dataset.y_train, np.sort(raw.target[:1500]))
    np.testing.assert_array_equal(dataset.y_test, raw.target[1500:])
    assert dataset.x_train.dtype == np.uint8


def test_standardised_per_pixel_with_the_training_statistics():
    dataset = datasets.prepare("digits", {"source": "sklearn", "n": 300})
    arrays = dataset.arrays()
    flat = dataset.x_train.reshape(300, -1).astype(float)
    mean, std = flat.mean(0), flat.std(0, ddof=1)
    constant = std == 0
    assert constant.any()
    assert (arrays.x_train[:, constant] == 0).all()
    expected = (flat[:, ~constant] - mean[~constant]) / std[~constant]
    np.testing.assert_allclose(arrays.x_train[:, ~constant], expected, rtol=1e-12, atol=1e-14)
    test = (dataset.x_test.reshape(len(dataset.x_test), -1) - mean)[:, ~constant] / std[~constant]
    np.testing.assert_allclose(arrays.x_test[:, ~constant], test, rtol=1e-12, atol=1e-14)


def test_npz_of_colour_images_is_channels_first_with_labels_from_zero(tmp_path, rng):
    settings, raw = write_npz(tmp_path / "mine.npz", rng)
    dataset = datasets.prepare("mine", settings)
    order = np.argsort(raw["y_train"], kind="stable")
    np.testing.assert_array_equal(dataset.x_train, raw["x_train"][order].transpose(0, 3, 1, 2))
    assert np.bincount(dataset.y_train).tolist() == [20, 10, 10]
    assert dataset.y_test.tolist() == [0, 2, 1] * 3
    assert dataset.arrays().image_shape == (3, 5, 4)


@pytest.mark.parametrize("shape", [(40, 6), (40, 5, 4), (40, 5, 4, 1)])
def test_npz_of_vectors_and_grey_images(tmp_path, rng, shape):
    settings, _ = write_npz(tmp_path / "mine.npz", rng, x_train=rng.normal(size=shape), x_test=None, y_test=None)
    dataset = datasets.prepare("mine", settings)
    assert dataset.arrays().x_train.shape == (40, np.prod(shape[1:]))
    assert len(dataset.x_test) == 0


def test_an_imbalanced_subset_takes_the_first_of_each_class():
    settings = {"source": "sklearn", "n": 1500, "per_class": list(range(20, 120, 10))}
    dataset = datasets.prepare("few", settings)
    assert np.bincount(dataset.y_train).tolist() == settings["per_class"]
    whole = datasets.prepare("all", {"source": "sklearn", "n": 1500})
    np.testing.assert_array_equal(dataset.x_train[:20], whole.x_train[:20])


def test_random_labels_are_drawn_afresh_for_each_seed_over_the_same_points():
    dataset = datasets.prepare("digits", {"source": "sklearn", "n": 300})
    first, second = dataset.with_random_labels(0), dataset.with_random_labels(1)
    for drawn in (first, second):
        assert (np.diff(drawn.y_train) >= 0).all()
        assert np.bincount(drawn.y_train).tolist() == np.bincount(dataset.y_train).tolist()
        assert sorted(map(bytes, drawn.x_train)) == sorted(map(bytes, dataset.x_train))
    assert not np.array_equal(first.x_train, second.x_train)
    np.testing.assert_array_equal(first.x_train, dataset.with_random_labels(0).x_train)


def test_a_saved_dataset_comes_back_and_equal_ones_are_equal_files(tmp_path):
    dataset = datasets.prepare("digits", {"source": "sklearn", "n": 200})
    datasets.save(dataset, tmp_path / "a.npz")
    datasets.save(dataset, tmp_path / "b.npz")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    for name, array in vars(datasets.load(tmp_path / "a.npz")).items():
        np.testing.assert_array_equal(array, getattr(dataset, name))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.npz", "b.npz"]


@pytest.mark.parametrize("kind", [np.uint8, np.float32])
def test_a_saved_dataset_is_mapped_and_takes_the_disk_of_its_images(tmp_path, rng, kind):
    """50,000 colour images are 150 MB of uint8, with the two statistics of each pixel beside them."""
    x = rng.integers(0, 256, size=(300, 32, 32, 3)).astype(kind)
    settings, _ = write_npz(tmp_path / "mine.npz", rng, x_train=x, y_train=np.arange(300) % 3, x_test=None, y_test=None)
    datasets.save(datasets.prepare("mine", settings), tmp_path / "saved.npz")
    labels, statistics, headers = 8 * 300, 2 * 8 * 3 * 32 * 32, 3000
    assert (tmp_path / "saved.npz").stat().st_size < x.nbytes + labels + statistics + headers
    loaded = datasets.load(tmp_path / "saved.npz")
    assert isinstance(loaded.x_train, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        loaded.x_train[0] = 0
    assert loaded.arrays().x_test.shape == (0, 3 * 32 * 32)


def test_single_precision_is_rounded_from_double(tmp_path):
    dataset = datasets.prepare("digits", {"source": "sklearn", "n": 1500})
    single, double = dataset.arrays(torch.float32), dataset.arrays()
    assert single.x_train.dtype == torch.float32
    assert torch.equal(single.x_train, double.x_train.float())
    assert torch.equal(single.x_test, double.x_test.float())


def write_idx(folder, rng, train=60, test=20):
    """MNIST's files, with images of chance."""
    folder.mkdir(parents=True)
    written = {}
    for name, count in (("train", train), ("t10k", test)):
        images = rng.integers(0, 256, size=(count, 28, 28), dtype=np.uint8)
        labels = (np.arange(count) % 10).astype(np.uint8)
        (folder / f"{name}-images-idx3-ubyte").write_bytes(struct.pack(">4i", 2051, count, 28, 28) + images.tobytes())
        (folder / f"{name}-labels-idx1-ubyte").write_bytes(struct.pack(">2i", 2049, count) + labels.tobytes())
        written[name] = images, labels
    return written


def test_mnist_that_lies_there_is_read(tmp_path, rng):
    written = write_idx(tmp_path / "MNIST" / "raw", rng)
    dataset = datasets.prepare("mnist", {"source": "torchvision", "n": 40}, tmp_path, download=False)
    images, labels = written["train"]
    order = np.argsort(labels[:40], kind="stable")
    np.testing.assert_array_equal(dataset.x_train[:, 0], images[:40][order])
    assert len(dataset.x_test) == 20


def test_mnist_is_downloaded_and_checked(tmp_path, rng, monkeypatch):
    """The real downloading, from a server on this machine."""
    write_idx(tmp_path / "made", rng)
    served = tmp_path / "served"
    served.mkdir()
    resources = []
    for path in sorted((tmp_path / "made").iterdir()):
        content = gzip.compress(path.read_bytes(), mtime=0)
        (served / f"{path.name}.gz").write_bytes(content)
        resources.append((f"{path.name}.gz", hashlib.md5(content).hexdigest()))

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments):
            super().__init__(*arguments, directory=str(served))

        def log_message(self, *arguments):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr(torchvision.datasets.MNIST, "mirrors", [f"http://127.0.0.1:{server.server_port}/"])
    monkeypatch.setattr(torchvision.datasets.MNIST, "resources", resources)
    settings = {"source": "torchvision", "n": 40}
    try:
        assert len(datasets.prepare("mnist", settings, tmp_path / "root", download=True).x_train) == 40
        # A file that is not what it should be is refused.
        wrong = [(name, "0" * 32) for name, _ in resources]
        monkeypatch.setattr(torchvision.datasets.MNIST, "resources", wrong)
        with pytest.raises(UserError, match=r"dataset mnist: downloading to .* failed"):
            datasets.prepare("mnist", settings, tmp_path / "other", download=True)
    finally:
        server.shutdown()
        server.server_close()


def test_svhn_is_read_from_its_mat_files(tmp_path, rng, monkeypatch):
    split_list = {}
    for split, count in (("train", 30), ("test", 12)):
        x = rng.integers(0, 256, size=(32, 32, 3, count), dtype=np.uint8)
        y = (np.arange(count) % 10 + 1)[:, None].astype(np.uint8)  # SVHN's zero is labelled 10
        path = tmp_path / f"{split}_32x32.mat"
        scipy.io.savemat(path, {"X": x, "y": y})
        split_list[split] = ["", path.name, hashlib.md5(path.read_bytes()).hexdigest()]
        if split == "train":
            train_x, train_y = x, y[:, 0] % 10
    monkeypatch.setattr(torchvision.datasets.SVHN, "split_list", split_list)
    dataset = datasets.prepare("svhn", {"source": "torchvision", "n": 30}, tmp_path, download=False)
    order = np.argsort(train_y, kind="stable")
    np.testing.assert_array_equal(dataset.x_train, train_x.transpose(3, 2, 0, 1)[order])
    assert len(dataset.x_test) == 12


def damaged(folder, rng):
    write_idx(folder / "MNIST" / "raw", rng)
    file = folder / "MNIST" / "raw" / "train-images-idx3-ubyte"
    file.write_bytes(file.read_bytes()[:-100])


@pytest.mark.parametrize(
    ("change", "settings", "message"),
    [
        ({}, {"n": 41}, r"n is 41 but it has 40 training points; lower n"),
        ({}, {"per_class": [1000, 2, 2]}, r"per_class wants 1000 points of class 3, which has 20"),
        ({}, {"per_class": [2, 2]}, "2 counts for 3 classes"),
        ({}, {"n_test": 10}, "n_test is 10 but it has 9 test points"),
        ({"x_train": None}, {}, "has no array x_train; add it"),
        ({"y_train": np.zeros(39)}, {}, "x_train has 40 points but y_train has 39"),
        ({"y_train": np.full(40, 0.5)}, {}, "must be one whole number a point"),
        ({"y_train": np.zeros(40)}, {}, "all of one class"),
        ({"y_train": np.array([0] * 39 + [1])}, {}, "class 1 has 1 training point"),
        ({"x_train": np.full((40, 5, 4, 3), np.nan)}, {}, "x_train holds NaN"),
        ({"x_train": np.zeros((40, 5, 4, 3), int)}, {}, "holds int64"),
        ({"x_train": np.zeros(40)}, {}, "has shape"),
        ({"x_test": np.zeros((9, 4, 4, 3), np.uint8)}, {}, "test images are"),
        ({"y_test": None}, {}, "only one of x_test and y_test"),
        ({}, {"path": "nowhere.npz"}, "there is no file nowhere.npz"),
    ],
)
def test_arrays_that_cannot_be_meant_get_a_sentence(tmp_path, rng, change, settings, message):
    given, _ = write_npz(tmp_path / "mine.npz", rng, **change)
    with pytest.raises(UserError, match=message) as caught:
        datasets.prepare("mine", given | settings)
    assert str(caught.value).startswith("dataset mine: ")


def test_files_that_are_not_npz_get_a_sentence(tmp_path, rng):
    settings, _ = write_npz(tmp_path / "mine.npz", rng)
    whole = Path(settings["path"]).read_bytes()
    for content in (b"not a zip", b"", whole[: len(whole) // 2]):
        Path(settings["path"]).write_bytes(content)
        with pytest.raises(UserError, match="cannot be read as npz"):
            datasets.prepare("mine", settings)


def test_missing_and_damaged_torchvision_data_get_a_sentence(tmp_path, rng):
    settings = {"source": "torchvision", "n": 40}
    for name in ("mnist", "cifar10", "svhn"):
        with pytest.raises(UserError, match=rf"dataset {name}: no whole copy .*data.download: true"):
            datasets.prepare(name, settings, tmp_path / "empty", download=False)
    damaged(tmp_path, rng)
    with pytest.raises(UserError, match="no whole copy"):
        datasets.prepare("mnist", settings, tmp_path, download=False)


@pytest.mark.skipif(REAL is None, reason="AGOP_DNC_DATA names no folder with the real MNIST")
def test_the_real_mnist():
    dataset = datasets.prepare("mnist", {"source": "torchvision", "n": 2000}, REAL, download=False)
    assert np.bincount(dataset.y_train).tolist() == [191, 220, 198, 191, 214, 180, 200, 224, 172, 210]
    assert torch.isfinite(dataset.arrays().x_train).all()
