"""Settings of a dataset: where it comes from and which of its points are used."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ..errors import did_you_mean
from ..settings import Settings

# torchvision's datasets by the names that they have here, and which sources a key is for; other keys are for all.
TORCHVISION = ("celeba", "cifar10", "cifar100", "emnist", "fashion_mnist", "gtsrb", "mnist", "svhn")
# The numbers of training points that are always the same; of scikit-learn's digits, of all points.
SIZES = {"cifar10": 50_000, "cifar100": 50_000, "fashion_mnist": 60_000, "mnist": 60_000, "svhn": 73_257}
DIGITS = 1_797
KEYS = {
    "path": ("npz", "csv"),
    "axes": ("npz",),
    "target": ("csv",),
    "dataset": ("torchvision",),
    "image_size": ("torchvision",),
    "attribute": ("torchvision",),
}


class DatasetSettings(Settings):
    """A dataset by its name in the configuration."""

    source: Literal["sklearn", "torchvision", "npz", "csv"] = Field(
        description="`sklearn`: the handwritten digits that scikit-learn carries; `torchvision`: one of its datasets; `npz`: your own "
        "arrays; `csv`: your own table with a header. Of sources without test points, those beyond the first n are for testing."
    )
    dataset: Literal["mnist", "fashion_mnist", "emnist", "cifar10", "cifar100", "svhn", "gtsrb", "celeba"] | None = (
        Field(None, description="torchvision: which of its datasets, if the name given here is another one.")
    )
    path: str | None = Field(
        None,
        description="The npz or csv file, relative to the working directory. An npz holds x_train (N×H×W[×C], or N×d; any numbers), y_train "
        "(N labels: whole numbers or text), and if you have them x_test and y_test.",
    )
    axes: Literal["channels_last", "channels_first"] | None = Field(
        None,
        description="npz: the order of a four-dimensional array's axes. Without it, what looks like N×C×H×W is refused.",
    )
    target: str | None = Field(None, description="csv: the column with the labels; the last if not given.")
    image_size: int | None = Field(
        None,
        ge=1,
        description="torchvision: side of the images in pixels after resizing (bilinear). Default: 32 for gtsrb, 96 for celeba, "
        "unchanged for others.",
    )
    attribute: str | None = Field(None, description="torchvision: celeba's attribute that is the label.")
    shuffle: bool = Field(
        False,
        description="Whether the training points' order is drawn, the same in every run, before the first n are taken; for files "
        "sorted by class (csv, gtsrb).",
    )
    n: int | None = Field(
        None,
        ge=4,
        description="The first n training points are used. Default: 50000 for torchvision (the paper's), 1500 for sklearn, all "
        "for npz and csv.",
    )
    n_test: int | None = Field(
        None,
        ge=0,
        description="The first n_test test points are used. Default: all, but no more than training points.",
    )
    per_class: Annotated[list[Annotated[int, Field(ge=2)]], Field(min_length=2)] | None = Field(
        None,
        description="Keep only the first so many of each class, in the order of their labels (an imbalanced subset).",
    )
    labels: Literal["original", "random"] = Field(
        "original", description="`random`: the same points with labels drawn at random for each seed."
    )
    role: Literal["main", "extra"] = Field("main", description="Figures 1 and 2 leave out datasets of role `extra`.")

    def mistake(self, name: str) -> str | None:
        """Return what is wrong with keys that do not go together, as a sentence, or None."""
        if self.path is None and self.source in KEYS["path"]:
            return f"datasets.{name} is of source {self.source} and lacks the key 'path'; add it"
        for key, sources in KEYS.items():
            if getattr(self, key) is not None and self.source not in sources:
                return f"datasets.{name}.{key} goes with source {' or '.join(sources)}, not {self.source}; remove it"
        if self.source == "torchvision" and self.dataset is None and name not in TORCHVISION:
            hint = did_you_mean(name, TORCHVISION)
            return (
                f"datasets.{name}: torchvision's '{name}' is not known here{hint}"
                f"{'' if hint.endswith('?') else ';'} a name of your own needs the key 'dataset'"
            )
        there = DIGITS if self.source == "sklearn" else SIZES.get(self.dataset or name)
        if self.n is not None and self.source in ("sklearn", "torchvision") and there is not None and self.n > there:
            return f"datasets.{name}.n is {self.n}, but there are {there:,} points; choose at most that many"
        return None

    def reading(self) -> dict[str, object]:
        """Return the settings that a dataset's arrays depend on, in the order of their keys."""
        kept = self.model_dump(exclude_none=True, exclude={"labels", "role"} | (set() if self.shuffle else {"shuffle"}))
        return {key: kept[key] for key in sorted(kept)}
