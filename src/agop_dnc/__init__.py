"""Average gradient outer product as a mechanism for deep neural collapse: a reproduction, and its methods as a library.

"The paper" is Beaglehole, Súkeník, Mondelli, Belkin, *Average gradient outer product as a mechanism for deep neural
collapse*, NeurIPS 2024 (arXiv 2402.13728v6); section, figure and equation numbers are its.

The public names are loaded when they are first used, so that ``import agop_dnc`` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .collapse.network import measure as measure
    from .estimators.conv_rfm import ConvRFMClassifier as ConvRFMClassifier
    from .estimators.deep_rfm import DeepRFMClassifier as DeepRFMClassifier
    from .estimators.rfm import RFMClassifier as RFMClassifier
    from .estimators.rfm import RFMRegressor as RFMRegressor
    from .kernels.ntk import ConvolutionalNTK as ConvolutionalNTK
    from .models.deep_rfm import DeepRFM as DeepRFM

# Each public name and the module that defines it.
_PUBLIC = {
    "measure": "collapse.network",
    "ConvRFMClassifier": "estimators.conv_rfm",
    "ConvolutionalNTK": "kernels.ntk",
    "DeepRFM": "models.deep_rfm",
    "DeepRFMClassifier": "estimators.deep_rfm",
    "RFMClassifier": "estimators.rfm",
    "RFMRegressor": "estimators.rfm",
}
__all__ = [
    "ConvRFMClassifier",
    "ConvolutionalNTK",
    "DeepRFM",
    "DeepRFMClassifier",
    "RFMClassifier",
    "RFMRegressor",
    "__version__",
    "measure",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("agop-dnc")
    if name in _PUBLIC:
        return getattr(import_module(f"{__name__}.{_PUBLIC[name]}"), name)
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted(__all__)
