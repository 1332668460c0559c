"""What a job that only loads a dataset depends on."""

from pathlib import Path

import agop_dnc
from agop_dnc.pipeline.code import modules_of

SOURCE = Path(agop_dnc.__file__).parents[1]


def test_loading_a_dataset_does_not_depend_on_how_it_was_read(tmp_path):
    """Else an edited reader would train every network again."""
    readers = {"checks", "csv_source", "datasets", "downloads", "settings", "sources", "torchvision_source"}
    for module, expected in (("prepared", {"prepared"}), ("datasets", readers | {"prepared"})):
        script = tmp_path / f"uses_{module}.py"
        script.write_text(f"from agop_dnc.data import {module}\n")
        used = modules_of(script, SOURCE)
        assert {name.rpartition(".")[2] for name in used if name.startswith("agop_dnc.data.")} == expected
