"""OpenML's tables and suites, with its server replaced by answers of the same form; scikit-learn's own reading runs."""

import hashlib
import io
import json
import urllib.error
from urllib.parse import urlparse

import numpy as np
import pytest
import sklearn.datasets._openml as transport

from agop_dnc.data import openml
from agop_dnc.errors import UserError

ARFF = """@RELATION plants
@ATTRIBUTE length NUMERIC
@ATTRIBUTE colour {red, green, blue}
@ATTRIBUTE height NUMERIC
@ATTRIBUTE kind {oak, elm}
@DATA
1.5,red,10,oak
2.5,blue,20,elm
-3,red,30,elm
4e1,green,40,oak
"""
COLUMNS = {"length": "numeric", "colour": "nominal", "height": "numeric", "kind": "nominal"}


def table(number, arff, columns, target):
    """OpenML's answers about one table, by path."""
    features = [
        {
            "index": str(i),
            "name": name,
            "data_type": kind,
            "is_target": str(name == target).lower(),
            "is_ignore": "false",
            "is_row_identifier": "false",
            "number_of_missing_values": "0",
        }
        for i, (name, kind) in enumerate(columns.items())
    ]
    rows = len(arff.partition("@DATA\n")[2].splitlines())
    description = {
        "id": str(number),
        "name": "plants",
        "description": "Four trees.",
        "version": "1",
        "status": "active",
        "format": "ARFF",
        "file_id": str(1000 + number),
        "url": f"https://www.openml.org/data/v1/download/{1000 + number}/plants.arff",
        "default_target_attribute": target,
        "md5_checksum": hashlib.md5(arff.encode()).hexdigest(),
    }
    return {
        f"/api/v1/json/data/{number}": {"data_set_description": description},
        f"/api/v1/json/data/features/{number}": {"data_features": {"feature": features}},
        f"/api/v1/json/data/qualities/{number}": {
            "data_qualities": {"quality": [{"name": "NumberOfInstances", "value": str(rows)}]}
        },
        f"/data/v1/download/{1000 + number}/plants.arff": arff,
    }


def task(number, data, target):
    inputs = [
        {"name": "source_data", "data_set": {"data_set_id": str(data), "target_feature": target}},
        {"name": "estimation_procedure", "estimation_procedure": {"type": "crossvalidation"}},
    ]
    return {f"/api/v1/json/task/{number}": {"task": {"task_id": str(number), "input": inputs}}}


class Answer(io.BytesIO):
    def info(self):
        return {}


class Server:
    """Answers by path; counts what it is asked, and can be down."""

    def __init__(self):
        self.answers, self.asked, self.down = {}, [], False

    def open(self, request, timeout=None):
        url = request if isinstance(request, str) else request.full_url
        path = urlparse(url).path.rstrip("/")
        self.asked.append(path)
        if self.down:
            raise urllib.error.URLError("no route to host")
        if path not in self.answers:
            raise urllib.error.HTTPError(url, openml.UNKNOWN, "Precondition Failed", {}, io.BytesIO())
        answer = self.answers[path]
        return Answer((answer if isinstance(answer, str) else json.dumps(answer)).encode())


@pytest.fixture
def server(monkeypatch):
    made = Server()
    monkeypatch.setattr(transport, "urlopen", made.open)
    monkeypatch.setattr(openml.urllib.request, "urlopen", made.open)
    made.answers |= table(61, ARFF, COLUMNS, "kind") | table(62, ARFF, COLUMNS, "height")
    made.answers |= task(7, 61, "kind") | task(8, 62, "height")
    made.answers["/api/v1/json/study/99"] = {"study": {"id": "99", "tasks": {"task_id": ["7", "8"]}}}
    made.answers["/api/v1/json/study/97"] = {"study": {"id": "97", "tasks": {"task_id": "8"}}}
    made.answers["/api/v1/json/study/98"] = {"study": {"id": "98"}}
    return made


def test_a_table_of_classes_has_its_text_one_hot(tmp_path, server):
    table = openml.read(61, tmp_path)
    assert (table.name, table.classes, table.y.tolist()) == ("plants-61", ("elm", "oak"), [1, 0, 0, 1])
    assert table.features == ("length", "colour=blue", "colour=green", "colour=red", "height")
    expected = [[1.5, 0, 0, 1, 10], [2.5, 1, 0, 0, 20], [-3, 0, 0, 1, 30], [40, 0, 1, 0, 40]]
    np.testing.assert_array_equal(table.X, expected)


def test_a_table_of_numbers_is_a_regression(tmp_path, server):
    table = openml.read(62, tmp_path)
    assert not table.is_classification
    assert table.y.tolist() == [10, 20, 30, 40]
    assert openml.read(61, tmp_path, target="length").y.tolist() == [1.5, 2.5, -3, 40]


def test_a_suite_names_its_tables_and_targets_and_is_fetched_once(tmp_path, server):
    tasks = openml.suite(99, tmp_path)
    assert tasks == (openml.Task(7, 61, "kind"), openml.Task(8, 62, "height"))
    tables = [openml.read(task.data, tmp_path, task.target) for task in tasks]
    server.down, asked = True, len(server.asked)
    assert openml.suite(99, tmp_path) == tasks
    again = [openml.read(task.data, tmp_path, task.target) for task in tasks]
    assert len(server.asked) == asked
    for before, after in zip(tables, again, strict=True):
        np.testing.assert_array_equal(before.X, after.X)


def test_a_suite_may_have_one_task(tmp_path, server):
    assert openml.suite(97, tmp_path) == (openml.Task(8, 62, "height"),)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda cache: openml.suite(12, cache), "OpenML suite 12 does not exist; suites often used are 99, 297"),
        (lambda cache: openml.suite(98, cache), "OpenML suite 98 has no tasks"),
        (lambda cache: openml.task(9, cache), "OpenML task 9 does not exist; correct its number"),
        (
            lambda cache: openml.read(63, cache),
            r"OpenML table 63 cannot be read \(.*63 not found\); correct its number",
        ),
        (lambda cache: openml.read(61, cache, "heigth"), r"OpenML table 61 cannot be read \(.*heigth.*\); correct"),
    ],
)
def test_numbers_that_openml_does_not_know_get_a_sentence(tmp_path, server, call, message):
    with pytest.raises(UserError, match=message):
        call(tmp_path)


@pytest.mark.filterwarnings("ignore:A network error occurred")
def test_a_server_that_is_down_gets_a_sentence(tmp_path, server, monkeypatch):
    monkeypatch.setattr(transport.time, "sleep", lambda seconds: None)
    server.down = True
    for call in (lambda: openml.suite(99, tmp_path), lambda: openml.read(61, tmp_path, retries=1)):
        with pytest.raises(UserError, match=r"cannot be fetched \(.*no route to host.*\); check the network, or copy"):
            call()


def test_empty_cells_get_a_sentence(tmp_path, server):
    server.answers |= table(64, ARFF.replace("2.5", "?"), COLUMNS, "kind")
    with pytest.raises(UserError, match="OpenML table 64: columns with empty or infinite cells: length; fill them"):
        openml.read(64, tmp_path)


@pytest.mark.filterwarnings("ignore:Invalid cache:RuntimeWarning")
def test_a_damaged_file_gets_a_sentence(tmp_path, server):
    server.answers["/data/v1/download/1061/plants.arff"] = ARFF + "9,red,9,oak\n"
    with pytest.raises(UserError, match=r"OpenML table 61 cannot be read \(The md5 checksum"):
        openml.read(61, tmp_path)


def test_an_answer_that_is_no_json_gets_a_sentence_and_is_not_kept(tmp_path, server):
    server.answers["/api/v1/json/study/99"] = "<html>sorry</html>"
    with pytest.raises(UserError, match="OpenML suite 99: OpenML's answer is no JSON"):
        openml.suite(99, tmp_path)
    assert not list(tmp_path.rglob("*.json"))
