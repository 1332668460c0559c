"""The declaration of the study that follows the kernel matrices of Deep RFMs and RFMs (in Figures T1 and T2)."""

from __future__ import annotations

from typing import cast

from pydantic import Field

from ...pipeline.config import Config, Configuration
from ...pipeline.tolerances import ALL_ROWS, Tolerance
from ...settings import Settings
from ..declaration import Parts, Study, Table
from ..deep_rfm import study as deep_rfm


class KernelTraceSection(Settings):
    """The kernel matrices of Deep RFMs and RFMs against Theorems 5.3 and 5.4 (in Figures T1 and T2)."""

    datasets: list[str] = Field(
        [],
        description="The datasets on which they are followed, among those of deep_rfm. None by default, as it costs one more Deep RFM "
        "per activation on each.",
    )
    mu: float = Field(1.0, gt=0, description="μ of Theorem 5.4's objective of those kernel matrices.")


def section(config: Configuration) -> KernelTraceSection:
    """Return the study's section of a configuration."""
    return cast(KernelTraceSection, config.section("kernel_trace"))


def datasets(config: Configuration) -> list[str]:
    """Return the datasets on which kernels are followed, in the configuration's order."""
    return config.chosen(section(config).datasets)


def traces(config: Configuration) -> bool:
    """Return whether kernels of this run are followed."""
    return config.has("kernel_trace") and bool(datasets(config))


def mu(config: Configuration) -> float:
    """Return μ of the objective of those kernel matrices."""
    return section(config).mu


def models(config: Configuration) -> list[str]:
    """Return the models whose kernels are followed: a Deep RFM per activation, and an RFM."""
    return [*deep_rfm.activations(config), "rfm"]


def job_settings(config: Configuration, model: str, dataset: str) -> Config:
    """Return a Deep RFM's settings; an RFM has the kernel of the first activation's."""
    activation = deep_rfm.activations(config)[0] if model == "rfm" else model
    return deep_rfm.job_settings(config, activation, dataset)


def check(config: Configuration) -> None:
    """Raise UserError for datasets without Deep RFMs."""
    deep_rfm.runs_on_own_labels(config, "kernel_trace", section(config).datasets)


def parts(config: Configuration) -> Parts:
    """Return one part per dataset and model, and the predictions for all of them."""
    traced = [f"kernel_trace/{dataset}/{model}.csv" for dataset in datasets(config) for model in models(config)]
    return {"kernel_trace": traced, "predictions": ["kernel_trace/predictions.csv"] if traced else []}


STUDY = Study(
    name="kernel_trace",
    settings=KernelTraceSection,
    tables=(
        Table(
            name="kernel_trace",
            rows="A row is one number of a kernel matrix of the first seed's Deep RFM or RFM, at one layer.",
            columns=("dataset", "model", "layer", "metric", "value"),
            tolerances=(Tolerance(ALL_ROWS, 2.0, 0.05, "kernels of a Deep RFM, whose layers carry rounding on"),),
        ),
    ),
    parts=parts,
    check=check,
    predictions=(Tolerance(ALL_ROWS, 1.2, 1e-9, "kernels after 20 layers"),),
)
