"""The declaration of the study of ReLU features' kernel: Proposition A.1 and Figure S3."""

from __future__ import annotations

from collections.abc import Iterator

from ...pipeline.config import Configuration
from ...pipeline.tolerances import EXACT
from ...settings import Settings
from ..declaration import BEYOND, Figure, Parts, Study, Table

# Angles in [0, π], widths D and draws of W per width.
ANGLES, WIDTHS, DRAWS = 13, (64, 256, 1024, 4096), 200


class FeatureKernelSection(Settings):
    """The kernel of ReLU features, sampled next to its expectation (Proposition A.1, Figure S3)."""


def parts(config: Configuration) -> Parts:
    """Return the table's one part."""
    return {"feature_kernel": ["feature_kernel/sampled.csv"]}


def figures(config: Configuration) -> Iterator[Figure]:
    """Yield Figure S3."""
    yield Figure(
        name="figure_s3",
        label="Figure S3",
        notebook="feature_kernel",
        title="The kernel of ReLU features",
        look_for="Proposition A.1. Look for points on the curve, and for variances parallel to the dotted line.",
        section=BEYOND,
        tables=("feature_kernel",),
    )


STUDY = Study(
    name="feature_kernel",
    settings=FeatureKernelSection,
    tables=(
        Table(
            name="feature_kernel",
            rows="A row is a mean or a variance of inner products of ReLU features, sampled at one angle and width, or their "
            "expectation.",
            columns=("seed", "width", "angle", "metric", "value"),
            tolerances=(EXACT,),
        ),
    ),
    parts=parts,
    figures=figures,
    claims=True,
)
