"""More of torchvision's datasets, read from small files in torchvision's layout, and fetched without a network."""

import csv
import gzip
import hashlib
import io
import pickle
import shutil
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torchvision.datasets as known
from PIL import Image

from agop_dnc.data import datasets, downloads
from agop_dnc.errors import UserError


def prepare(root, name, download=False, **settings):
    return datasets.prepare(name, {"source": "torchvision"} | settings, root, download=download)


def idx(images, labels):
    """The two idx files of images N×H×W and labels."""
    yield "images-idx3", struct.pack(">4i", 2051, *images.shape) + images.tobytes()
    yield "labels-idx1", struct.pack(">2i", 2049, len(labels)) + labels.astype(np.uint8).tobytes()


def write_fashion(folder, rng):
    written = {}
    (folder / "FashionMNIST" / "raw").mkdir(parents=True)
    for part, count in (("train", 60), ("t10k", 20)):
        images = rng.integers(0, 256, size=(count, 28, 28), dtype=np.uint8)
        written[part] = images, np.arange(count) % 10
        for kind, content in idx(*written[part]):
            (folder / "FashionMNIST" / "raw" / f"{part}-{kind}-ubyte").write_bytes(content)
    return written


def test_fashion_mnist_has_the_garments_names(tmp_path, rng):
    images, labels = write_fashion(tmp_path, rng)["train"]
    dataset = prepare(tmp_path, "fashion_mnist", n=40)
    np.testing.assert_array_equal(dataset.x_train[:, 0], images[:40][np.argsort(labels[:40], kind="stable")])
    assert dataset.classes[[0, 9]].tolist() == ["T-shirt/top", "Ankle boot"]
    assert len(dataset.x_test) == 20


def test_images_are_resized_when_asked_for(tmp_path, rng):
    images, _ = write_fashion(tmp_path, rng)["train"]
    dataset = prepare(tmp_path, "fashion_mnist", n=40, image_size=32)
    assert dataset.image_shape == (1, 32, 32)
    assert dataset.x_test.shape == (20, 1, 32, 32)
    first = Image.fromarray(images[0]).resize((32, 32), Image.Resampling.BILINEAR)
    np.testing.assert_array_equal(dataset.x_train[0, 0], np.asarray(first))
    as_it_is = prepare(tmp_path, "fashion_mnist", n=40, image_size=28)
    np.testing.assert_array_equal(as_it_is.x_train, prepare(tmp_path, "fashion_mnist", n=40).x_train)


def test_fewer_points_than_the_default_are_all_used(tmp_path, rng):
    write_fashion(tmp_path, rng)
    assert len(prepare(tmp_path, "fashion_mnist").x_train) == 60
    with pytest.raises(UserError, match="n is 61 but it has 60 training points"):
        prepare(tmp_path, "fashion_mnist", n=61)


def test_cifar100_has_fine_labels(tmp_path, rng, monkeypatch):
    folder = tmp_path / "cifar-100-python"
    folder.mkdir()
    pixels = {
        part: rng.integers(0, 256, size=(count, 3072), dtype=np.uint8) for part, count in (("train", 30), ("test", 9))
    }
    files = {"meta": {"fine_label_names": ["apple", "bee", "can"] + [f"c{i}" for i in range(97)]}}
    for part, x in pixels.items():
        files[part] = {"data": x, "fine_labels": [i % 3 for i in range(len(x))], "coarse_labels": [0] * len(x)}
    md5 = {}
    for name, content in files.items():
        (folder / name).write_bytes(pickle.dumps(content))
        md5[name] = hashlib.md5((folder / name).read_bytes()).hexdigest()
    monkeypatch.setattr(known.CIFAR100, "train_list", [["train", md5["train"]]])
    monkeypatch.setattr(known.CIFAR100, "test_list", [["test", md5["test"]]])
    monkeypatch.setattr(known.CIFAR100, "meta", known.CIFAR100.meta | {"md5": md5["meta"]})
    dataset = prepare(tmp_path, "mine", dataset="cifar100")
    assert dataset.classes.tolist() == ["apple", "bee", "can"]
    order = np.argsort(np.arange(30) % 3, kind="stable")
    np.testing.assert_array_equal(dataset.x_train, pixels["train"].reshape(-1, 3, 32, 32)[order])
    assert len(dataset.x_test) == 9
    (folder / "test").write_bytes(b"")
    with pytest.raises(UserError, match=r"no whole copy .*damaged: cifar-100-python/test"):
        prepare(tmp_path, "cifar100")


@pytest.fixture
def letters(rng):
    images = rng.integers(0, 256, size=(260, 28, 28), dtype=np.uint8)
    return images, np.arange(260) % 26 + 1


def test_emnist_is_an_upright_random_split_of_the_training_letters(tmp_path, letters):
    images, labels = letters
    raw = tmp_path / "EMNIST" / "raw"
    raw.mkdir(parents=True)
    for kind, content in idx(images, labels):
        (raw / f"emnist-letters-train-{kind}-ubyte").write_bytes(content)
    dataset, again = prepare(tmp_path, "emnist"), prepare(tmp_path, "emnist", n=150)
    assert (len(dataset.x_train), len(dataset.x_test)) == (208, 52)
    assert dataset.classes.tolist() == list("abcdefghijklmnopqrstuvwxyz")
    upright = {image.T.tobytes(): label for image, label in zip(images, labels, strict=True)}
    parts = ((dataset.x_train, dataset.y_train), (dataset.x_test, dataset.y_test))
    found = {x.tobytes(): y + 1 for part in parts for x, y in zip(*part, strict=True)}
    assert found == upright  # each letter is in one part, with its label
    np.testing.assert_array_equal(again.x_test, dataset.x_test)
    (raw / "emnist-letters-train-images-idx3-ubyte").write_bytes(b"short")
    with pytest.raises(UserError, match=r"no whole copy .*damaged: EMNIST/raw/emnist-letters-train-images-idx3-ubyte"):
        prepare(tmp_path, "emnist")


def serve(monkeypatch, module, contents):
    """Make one of torchvision's modules download from a mapping of file names to bytes; returns what was asked for."""
    from torchvision.datasets import utils

    asked = []

    def download(folder, filename, md5):
        Path(folder).mkdir(parents=True, exist_ok=True)
        path = f"{folder}/{filename}"
        if not utils.check_integrity(path, md5):
            asked.append(filename)
            with open(path, "wb") as file:
                file.write(contents[filename])
        assert utils.check_integrity(path, md5)

    def download_and_extract(url, download_root, filename=None, md5=None, **rest):
        filename = filename or url.rpartition("/")[2]
        download(download_root, filename, hashlib.md5(contents[filename]).hexdigest())
        utils.extract_archive(f"{download_root}/{filename}", download_root)

    if hasattr(module, "download_and_extract_archive"):
        monkeypatch.setattr(module, "download_and_extract_archive", download_and_extract)
    if hasattr(module, "download_file_from_google_drive"):
        monkeypatch.setattr(
            module, "download_file_from_google_drive", lambda key, folder, file, md5: download(folder, file, md5)
        )
    return asked


def zipped(files):
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as opened:
        for name, content in files.items():
            opened.writestr(name, content)
    return archive.getvalue()


def test_emnist_is_fetched_and_then_read(tmp_path, letters, monkeypatch):
    files = {f"gzip/emnist-letters-train-{kind}-ubyte.gz": gzip.compress(content) for kind, content in idx(*letters)}
    content = zipped(files)
    monkeypatch.setattr(known.EMNIST, "md5", hashlib.md5(content).hexdigest())
    asked = serve(monkeypatch, known.mnist, {"gzip.zip": content})
    assert len(prepare(tmp_path, "emnist", download=True).x_train) == 208
    assert len(prepare(tmp_path, "emnist").x_train) == 208
    assert asked == ["gzip.zip"]
    assert not list(tmp_path.glob(".*.partial"))


def ppm(pixels):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PPM")
    return file.getvalue()


SIDES = {0: (15, 20), 1: (40, 35), 2: (32, 32)}  # of the signs' images, by class


@pytest.fixture
def signs(rng):
    """GTSRB's archives, with signs of one colour; the files of each, by name in the archive."""

    def sign(label):
        return ppm(np.full((*SIDES[label], 3), (50 * label, 100, rng.integers(256)), np.uint8))

    train = {f"GTSRB/Training/{label:05}/{i:05}.ppm": sign(label) for label in SIDES for i in range(8)}
    labels = [2, 0, 1, 2, 0, 1]
    test = {f"GTSRB/Final_Test/Images/{i:05}.ppm": sign(label) for i, label in enumerate(labels)}
    table = io.StringIO()
    rows = csv.writer(table, delimiter=";")
    rows.writerows([("Filename", "ClassId"), *((f"{i:05}.ppm", label) for i, label in enumerate(labels))])
    return {
        "GTSRB-Training_fixed.zip": train,
        "GTSRB_Final_Test_Images.zip": test,
        "GTSRB_Final_Test_GT.zip": {"GT-final_test.csv": table.getvalue()},
    }


def write_signs(root, signs):
    for files in signs.values():
        for name, content in files.items():
            path = root / "gtsrb" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)


def test_gtsrb_comes_in_one_size_and_in_the_order_of_its_files(tmp_path, signs):
    write_signs(tmp_path, signs)
    dataset = prepare(tmp_path, "gtsrb")
    assert dataset.facts()["class_sizes"] == [8, 8, 8]
    assert dataset.image_shape == (3, 32, 32)
    assert (dataset.x_train[:, 0] == 50 * dataset.y_train[:, None, None]).all()
    assert dataset.y_test.tolist() == [2, 0, 1, 2, 0, 1]
    assert (dataset.x_test[:, 0] == 50 * dataset.y_test[:, None, None]).all()
    assert prepare(tmp_path, "gtsrb", image_size=48).image_shape == (3, 48, 48)


def test_the_first_of_gtsrb_are_of_few_classes_unless_shuffled(tmp_path, signs):
    write_signs(tmp_path, signs)
    ordered = prepare(tmp_path, "gtsrb", n=12)
    assert ordered.facts()["class_sizes"] == [8, 4]
    assert ordered.dropped_test_points == 2
    shuffled = prepare(tmp_path, "gtsrb", n=12, shuffle=True)
    assert len(shuffled.classes) == 3
    assert prepare(tmp_path, "gtsrb", n_test=2).y_test.tolist() == [2, 0]
    with pytest.raises(UserError, match="n is 25 but it has 24 training points"):
        prepare(tmp_path, "gtsrb", n=25)


def test_what_gtsrb_lacks_is_named(tmp_path, signs):
    with pytest.raises(UserError, match=r"damaged: gtsrb/GTSRB/Training, .*Images, gtsrb/GT-final_test\.csv\)"):
        prepare(tmp_path, "gtsrb")
    write_signs(tmp_path, signs)
    next((tmp_path / "gtsrb" / "GTSRB" / "Final_Test" / "Images").glob("00003*")).unlink()
    with pytest.raises(
        UserError, match=r"dataset gtsrb: an image cannot be read \(.*00003\.ppm.*\); remove the folder"
    ):
        prepare(tmp_path, "gtsrb")


@pytest.fixture
def signs_online(signs, monkeypatch):
    contents = {archive: zipped(files) for archive, files in signs.items()}
    checksums = {f"gtsrb/{archive}": hashlib.md5(content).hexdigest() for archive, content in contents.items()}
    monkeypatch.setattr(downloads, "GTSRB_ARCHIVES", checksums)
    return serve(monkeypatch, known.gtsrb, contents)


def test_gtsrb_is_fetched_once(tmp_path, signs, signs_online):
    assert len(prepare(tmp_path, "gtsrb", download=True).x_train) == 24
    assert signs_online == list(signs)
    shutil.rmtree(tmp_path / "gtsrb" / "GTSRB")  # what is left are the archives
    assert len(prepare(tmp_path, "gtsrb", download=True).x_train) == 24
    assert signs_online == list(signs)
    assert not list(tmp_path.glob(".*.partial"))


@pytest.mark.parametrize("folder", [".GTSRB.partial/gtsrb/GTSRB/Training", "gtsrb/GTSRB/Training"])
def test_a_folder_of_images_left_empty_is_not_taken_for_whole(tmp_path, signs_online, folder):
    """torchvision asks only whether the folder is there."""
    (tmp_path / folder).mkdir(parents=True)
    assert len(prepare(tmp_path, "gtsrb", download=True).x_train) == 24


def test_a_fetch_that_dies_while_moving_leaves_no_half_folder(tmp_path, signs_online, monkeypatch):
    replace = downloads.os.replace

    def die_at_the_folder(source, target):
        if source.is_dir():
            raise KeyboardInterrupt
        replace(source, target)

    with monkeypatch.context() as patched:
        patched.setattr(downloads.os, "replace", die_at_the_folder)
        with pytest.raises(KeyboardInterrupt):
            prepare(tmp_path, "gtsrb", download=True)
    assert not (tmp_path / "gtsrb" / "GTSRB").exists()
    assert len(prepare(tmp_path, "gtsrb", download=True).x_train) == 24
    assert len(signs_online) == 3


FACES = 12


@pytest.fixture
def faces(rng, monkeypatch):
    """CelebA's files: faces whose brightness says who smiles; every fourth is for testing."""
    smiles = [i % 3 == 0 for i in range(FACES)]
    images = {}
    for i in range(FACES):
        file = io.BytesIO()
        Image.fromarray(np.full((218, 178, 3), 200 * smiles[i], np.uint8)).save(file, "JPEG")
        images[f"img_align_celeba/{i:06}.jpg"] = file.getvalue()
    rows = [f"{i:06}.jpg" for i in range(FACES)]
    attributes = [f"{row} {1 if smile else -1:2} {1:2}" for row, smile in zip(rows, smiles, strict=True)]
    files = {
        "img_align_celeba.zip": zipped(images),
        "list_attr_celeba.txt": "\n".join([str(FACES), "Smiling Young ", *attributes, ""]).encode(),
        "identity_CelebA.txt": "".join(f"{row} 7\n" for row in rows).encode(),
        "list_bbox_celeba.txt": "\n".join([str(FACES), "image_id x y", *(f"{row} 1 2" for row in rows), ""]).encode(),
        "list_landmarks_align_celeba.txt": "\n".join([str(FACES), "x", *(f"{row} 1" for row in rows), ""]).encode(),
        "list_eval_partition.txt": "".join(f"{row} {2 * (i % 4 == 3)}\n" for i, row in enumerate(rows)).encode(),
    }
    listed = [("key", hashlib.md5(content).hexdigest(), file) for file, content in files.items()]
    monkeypatch.setattr(known.CelebA, "file_list", listed)
    return serve(monkeypatch, known.celeba, files)


def test_celeba_has_an_attribute_as_its_label(tmp_path, faces):
    dataset = prepare(tmp_path, "celeba", download=True, attribute="Smiling")
    assert dataset.classes.tolist() == ["not Smiling", "Smiling"]
    assert dataset.image_shape == (3, 96, 96)
    assert dataset.facts()["class_sizes"] == [6, 3]
    assert ((dataset.x_train.mean((1, 2, 3)) > 100) == dataset.y_train).all()
    assert ((dataset.x_test.mean((1, 2, 3)) > 100) == dataset.y_test).all()
    asked = list(faces)
    balanced = prepare(tmp_path, "celeba", download=True, attribute="Smiling", per_class=[3, 3], image_size=32)
    assert balanced.facts()["class_sizes"] == [3, 3]
    assert (balanced.image_shape, faces) == ((3, 32, 32), asked)


def test_celebas_attributes_are_listed(tmp_path, faces):
    prepare(tmp_path, "celeba", download=True, attribute="Smiling")
    with pytest.raises(UserError, match="it has 2 attributes; set attribute to one of Smiling, Young"):
        prepare(tmp_path, "celeba")
    with pytest.raises(UserError, match=r"'smilling' is not one of its attributes; did you mean 'Smiling'\?"):
        prepare(tmp_path, "celeba", attribute="smilling")
    shutil.rmtree(tmp_path / "celeba" / "img_align_celeba")
    with pytest.raises(UserError, match="damaged: celeba/img_align_celeba"):
        prepare(tmp_path, "celeba", attribute="Smiling")


def test_an_unknown_dataset_is_named_with_the_nearest(tmp_path):
    with pytest.raises(UserError, match=r"torchvision's 'cifar' is not among .*; did you mean 'cifar10\d?'"):
        prepare(tmp_path, "cifar")
