"""Limit the vector instructions that a run's processes use on a CPU to AVX2, so that more processors give equal bytes.

Wider vectors change the order in which sums are taken, and the models amplify the difference. Every numerical library has its own
switch, which it reads once, when it is loaded.
"""

from __future__ import annotations

import os
from pathlib import Path

from ..errors import UserError

# In this order: PyTorch's loops, its matrix products and decompositions (MKL), its convolutions (oneDNN), the BLAS of SciPy and
# NumPy, NumPy's loops.
AVX2 = {
    "ATEN_CPU_CAPABILITY": "avx2",
    "MKL_CBWR": "AVX2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "OPENBLAS_CORETYPE": "Haswell",
    "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR",
}


def limit(instructions: str) -> None:
    """Limit the vector instructions of the processes that this process starts.

    Args:
        instructions: `native` for all that the processor has, or `avx2` for these alone.

    Raises:
        UserError: If the instructions are `avx2` and the processor is known to lack them.
    """
    if instructions == "avx2":
        flags = processor().get("flags", "avx2 fma").split()
        if not {"avx2", "fma"} <= set(flags):
            raise UserError("instructions is avx2, which this processor lacks; set instructions: native")
        os.environ |= AVX2


def family() -> str:
    """Return the processor's maker and family, within which bytes are equal: MKL takes different code paths for different makers."""
    known = processor()
    return f"{known.get('vendor_id', 'unknown')} family {known.get('cpu family', 'unknown')}"


def processor() -> dict[str, str]:
    """Return what Linux reports about the first processor (`vendor_id`, `model name`, `flags`, …); empty on other systems."""
    try:
        first = Path("/proc/cpuinfo").read_text(encoding="utf-8").split("\n\n")[0]
    except OSError:
        return {}
    pairs = (line.partition(":") for line in first.splitlines())
    return {key.strip(): value.strip() for key, _, value in pairs}
