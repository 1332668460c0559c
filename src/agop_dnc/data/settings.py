"""Settings of a dataset: where it comes from and which of its points are used."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ..errors import did_you_mean
from ..settings import Settings

TORCHVISION = ("cifar10", "mnist", "svhn")


class DatasetSettings(Settings):
    """A dataset by its name in the configuration."""

    source: Literal["sklearn", "torchvision", "npz"] = Field(
        description="`sklearn`: the handwritten digits that scikit-learn carries, whose points beyond the first n are the test "
        "points; `torchvision`: mnist, cifar10 or svhn; `npz`: your own arrays."
    )
    dataset: Literal["mnist", "cifar10", "svhn"] | None = Field(
        None, description="Which of torchvision's datasets, if the name given here is another one."
    )
    path: str | None = Field(
        None,
        description="The npz file, relative to the working directory: x_train (N×H×W[×C], or N×d; uint8 or floating point), "
        "y_train (N whole numbers); x_test and y_test optional.",
    )
    n: int | None = Field(
        None,
        ge=4,
        description="The first n training points are used. Default: 50000 for torchvision (the paper's), 1500 for sklearn, all "
        "for npz.",
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
        if self.source == "npz" and self.path is None:
            return f"datasets.{name} is of source npz and lacks the key 'path'; add it"
        for key, belongs in (("path", "npz"), ("dataset", "torchvision")):
            if getattr(self, key) is not None and self.source != belongs:
                return f"datasets.{name}.{key} goes with source {belongs}, not {self.source}; remove it"
        if self.source == "torchvision" and self.dataset is None and name not in TORCHVISION:
            hint = did_you_mean(name, TORCHVISION)
            return (
                f"datasets.{name}: torchvision's '{name}' is not known here{hint}"
                f"{'' if hint.endswith('?') else ';'} a name of your own needs the key 'dataset'"
            )
        return None

    def reading(self) -> dict[str, object]:
        """Return the settings that a dataset's arrays depend on, in the order of their keys."""
        kept = self.model_dump(exclude_none=True, exclude={"labels", "role"})
        return {key: kept[key] for key in sorted(kept)}
