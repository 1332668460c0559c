"""The vector instructions that a run's processes use on a CPU: all there are, or AVX2 alone, for equal bytes on more processors.

Sums in wider vectors are taken in another order, and models carry the difference on. Each numerical library has a switch of its own,
which it reads once, when it is loaded.
"""

from __future__ import annotations

import os
from pathlib import Path

from ..errors import UserError

# PyTorch's own loops, its matrix products and decompositions (MKL), its convolutions (oneDNN), SciPy's and NumPy's BLAS, NumPy's loops.
AVX2 = {
    "ATEN_CPU_CAPABILITY": "avx2",
    "MKL_CBWR": "AVX2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "OPENBLAS_CORETYPE": "Haswell",
    "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR",
}


def limit(instructions: str) -> None:
    """Have the processes that this one starts use only these: `native`, what there is, or `avx2`.

    Raises UserError where the processor is known not to have them.
    """
    if instructions == "avx2":
        flags = processor().get("flags", "avx2 fma").split()
        if not {"avx2", "fma"} <= set(flags):
            raise UserError("instructions is avx2 but this processor has none of them; set instructions: native")
        os.environ |= AVX2


def family() -> str:
    """The processor's maker and family, by which equal bytes hold: MKL takes a branch for each maker."""
    known = processor()
    return f"{known.get('vendor_id', 'unknown')} family {known.get('cpu family', 'unknown')}"


def processor() -> dict[str, str]:
    """What Linux says of the first processor (`vendor_id`, `model name`, `flags`, …); empty elsewhere."""
    try:
        first = Path("/proc/cpuinfo").read_text(encoding="utf-8").split("\n\n")[0]
    except OSError:
        return {}
    pairs = (line.partition(":") for line in first.splitlines())
    return {key.strip(): value.strip() for key, _, value in pairs}
