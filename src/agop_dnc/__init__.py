"""Average gradient outer product as a mechanism for deep neural collapse, reproduced.

A module a concept: :mod:`.data`, :mod:`.metrics`, :mod:`.kernels`, :mod:`.features`, :mod:`.agop`, :mod:`.deep_rfm`,
:mod:`.networks`, :mod:`.training`, :mod:`.ablation`, :mod:`.measure`, :mod:`.tables`, :mod:`.plots`.

"The paper" is Beaglehole, Súkeník, Mondelli, Belkin, *Average gradient outer product as a mechanism for deep neural
collapse*, NeurIPS 2024 (arXiv 2402.13728v6); section, figure and equation numbers are its.
"""
