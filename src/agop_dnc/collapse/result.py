"""What a measurement gives: a tidy table, with a summary, figures and a page made from it."""

from __future__ import annotations

import base64
import html
import io
import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMNS = ["layer", "component", "metric", "value", "name"]
# Colours that stay apart for colour-blind readers (Okabe, Ito).
_COLOURS = {"input": "#0072B2", "right": "#E69F00", "output": "#009E73", "penultimate": "#CC79A7"}
_NFA = {
    "sqrt_agop": ("AGOP$^{1/2}$", "#0072B2", "-"),
    "agop": ("AGOP", "#D55E00", "-"),
    "sqrt_agop_null": ("AGOP$^{1/2}$, weights kept, gradients rotated", "#0072B2", "--"),
    "sqrt_agop_rotated": ("AGOP$^{1/2}$, eigenvectors rotated", "#0072B2", ":"),
}
_COLLAPSE = {"nc1": "NC1 = tr Σ_W / tr Σ_B", "nc2": "NC2"}
_TWO_CLASSES = (
    "With two classes NC2 is 0 for any features, as two centred means are each other's negative: it is not shown."
)
_WHOLE = {
    "accuracy": "accuracy",
    "loss": "mean squared error against ±1 targets",
    "trace_within": "tr Σ_W of what enters the readout",
    "trace_between": "tr Σ_B of what enters the readout",
    "nc3": "NC3",
    "nc4": "NC4",
}


class Measurement:
    """The result of :func:`.network.measure`.

    Attributes:
        table: a row per measured number: layer, component, metric, value and the module's name, and rank if there was an
            ablation.
        not_measured: by name of what was not measured, the reason.
        classes: the labels of the classes, in the order of their codes; None without classes.
        points: how many were measured.
        convolutions: names of the measured layers that are convolutions.
    """

    def __init__(
        self,
        table: pd.DataFrame,
        not_measured: Mapping[str, str],
        classes: Any,
        points: int,
        convolutions: Sequence[str] = (),
    ) -> None:
        self.table, self.not_measured = table, dict(not_measured)
        self.classes, self.points, self.convolutions = classes, points, list(convolutions)

    def __repr__(self) -> str:
        layers = self.table.layer[self.table.layer > 0].nunique()
        return f"<Measurement of {layers} layers at {self.points} points: {len(self.table)} numbers>"

    def value(self, metric: str, component: str, layer: int = 0) -> float:
        """Return one number of the table.

        Raises:
            KeyError: if it is not there, or there several times.
        """
        table = self._whole()
        found = table[(table.metric == metric) & (table.component == component) & (table.layer == layer)].value
        if len(found) != 1:
            raise KeyError(f"the table has {len(found)} rows of {metric} of {component} of layer {layer}")
        return float(found.iloc[0])

    def by_layer(self) -> pd.DataFrame:
        """Return a row per layer, with NC1 of input, right and output, NC2 of the output, and the NFA's correlations.

        With two classes NC2 is left out, as it is 0 for any features.
        """
        table = self._whole()
        table = table[table.layer > 0]
        columns = {f"nc1_{part}": (part, "nc1") for part in ("input", "right", "output")} | {
            "nc2_output": ("output", "nc2")
        }
        columns |= {name: ("nfa", name) for name in ("sqrt_agop", "sqrt_agop_null", "agop", "agop_null")}
        if self._two_classes:
            del columns["nc2_output"]
        names = table.groupby("layer").name.first()
        found = {
            label: table[(table.component == component) & (table.metric == metric)].set_index("layer").value
            for label, (component, metric) in columns.items()
        }
        kept = {label: values for label, values in found.items() if len(values)}
        return pd.DataFrame({"name": names} | kept)

    @property
    def remarks(self) -> list[str]:
        """Return sentences on what the numbers mean in this network: with two classes, and in convolutions."""
        remarks = []
        if self._two_classes:
            remarks.append(_TWO_CLASSES)
        if self.convolutions:
            table = self._whole()
            numbers = table[table.name.isin(self.convolutions)].layer.drop_duplicates().astype(str)
            remarks.append(
                f"{'Layer' if len(numbers) == 1 else 'Layers'} {', '.join(numbers)}: convolutions; W has a filter per row, and the AGOP "
                "is over the patches that the filters see."
            )
        return remarks

    @property
    def _two_classes(self) -> bool:
        return self.classes is not None and len(self.classes) == 2

    def summary(self) -> str:
        """Return the measurement in words and a short table."""
        lines = [f"{self.points} points" + ("" if self.classes is None else f" in {len(self.classes)} classes")]
        whole = self.table[self.table.component == "network"].set_index("metric").value
        lines += [f"{text}: {whole[metric]:.4g}" for metric, text in _WHOLE.items() if metric in whole]
        lines += self.remarks
        layers = self.by_layer()
        if len(layers):
            lines += ["", layers.to_string(float_format=lambda value: f"{value:.4g}")]
        if self.not_measured:
            lines += ["", "not measured:"] + [f"  {name}: {reason}" for name, reason in self.not_measured.items()]
        return "\n".join(lines)

    def plot(self) -> Figure:
        """Return a figure of the SVD ablation (NC1), NC2 and the Neural Feature Ansatz against the layer.

        There is a panel for each of them that means something: none of NC1 and NC2 without classes, none of NC2 with two.
        """
        import matplotlib
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        table = self._whole()
        table = table[table.layer > 0]
        metrics = [metric for metric in _COLLAPSE if (table.metric == metric).any()]
        if self._two_classes:
            metrics = [metric for metric in metrics if metric != "nc2"]
        panels = [*metrics, *(["nfa"] if (table.component == "nfa").any() else [])]
        with matplotlib.rc_context({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False}):
            figure = Figure(figsize=(max(4.5, 3.7 * len(panels)), 3.4), layout="constrained")
            FigureCanvasAgg(figure)
            if not panels:
                figure.text(0.5, 0.5, "no layer but the readout was there to be measured", ha="center")
                return figure
            for axis, panel in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
                if panel == "nfa":
                    _draw_ansatz(axis, table[table.component == "nfa"])
                else:
                    _draw_collapse(axis, table[table.metric == panel])
                    axis.set_title(_COLLAPSE[panel])
                axis.set_xlabel("layer")
                axis.xaxis.get_major_locator().set_params(integer=True)
                axis.legend(frameon=False, fontsize=7)
            if self.remarks:
                figure.supxlabel(
                    "\n".join(_wrapped(self.remarks, int(15 * figure.get_figwidth()))), fontsize=7, x=0.01, ha="left"
                )
        return figure

    def to_html(self) -> str:
        """Return a page of its own: summary, figure, what was not measured, and the whole table."""
        picture = io.BytesIO()
        self.plot().savefig(picture, format="png", dpi=150, metadata={"Software": None})
        encoded = base64.b64encode(picture.getvalue()).decode()
        reasons = "".join(
            f"<li><b>{html.escape(n)}</b> {html.escape(why)}</li>" for n, why in self.not_measured.items()
        )
        whole = self.table[self.table.component == "network"].set_index("metric").value
        facts = "".join(f"<li>{text}: {whole[metric]:.4g}</li>" for metric, text in _WHOLE.items() if metric in whole)
        heading = f"{self.points} points" + ("" if self.classes is None else f" in {len(self.classes)} classes")
        return _PAGE.format(
            heading=heading,
            facts=(f"<ul>{facts}</ul>" if facts else "")
            + "".join(f"<p>{html.escape(one)}</p>" for one in self.remarks),
            alternative=self._alternative(),
            picture=encoded,
            layers=_html_table(self.by_layer().reset_index()),
            reasons=f"<h2>Not measured</h2><ul>{reasons}</ul>" if reasons else "",
            table=_html_table(self.table),
        )

    def _alternative(self) -> str:
        """Return what the figure shows, for those who cannot see it."""
        shown = [] if self.classes is None else ["NC1", *([] if self._two_classes else ["NC2"])]
        return f"{' and '.join([*shown, 'the correlation of the Neural Feature Ansatz'])} by layer"

    def _whole(self) -> pd.DataFrame:
        """Return the rows that are no truncations."""
        return self.table[self.table["rank"].isna()] if "rank" in self.table else self.table


def _wrapped(lines: Sequence[str], width: int) -> list[str]:
    return [part for line in lines for part in textwrap.wrap(line, width)]


def _draw_ansatz(axis: Any, nfa: pd.DataFrame) -> None:
    for metric, (label, colour, style) in _NFA.items():
        some = nfa[nfa.metric == metric]
        if len(some):
            axis.plot(some.layer, some.value, style, color=colour, label=label, marker="o", markersize=3)
    axis.axhline(0, color="0.8", linewidth=0.8, zorder=0)
    axis.set_title("correlation of $W^TW$ with")


def _draw_collapse(axis: Any, table: pd.DataFrame) -> None:
    for component, label in (("input", "Φ"), ("right", "S VᵀΦ"), ("output", "output")):
        some = table[table.component == component]
        axis.plot(some.layer, some.value, "o-", markersize=3, color=_COLOURS[component], label=label)
    if len(table) and (table.value > 0).all():
        axis.set_yscale("log")


def _html_table(table: pd.DataFrame) -> str:
    page: str = table.to_html(index=False, float_format=lambda value: f"{value:.4g}", border=0, na_rep="")
    return f'<div class="wide">{page}</div>'


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Neural collapse by layer</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }}
img {{ max-width: 100%; }} .wide {{ overflow-x: auto; }}
table {{ border-collapse: collapse; font-size: 14px; }} td, th {{ padding: .15rem .6rem; text-align: right; }}
</style></head><body>
<h1>Neural collapse by layer</h1><p>{heading}</p>{facts}
<img alt="{alternative}" src="data:image/png;base64,{picture}">
<h2>Layers</h2>{layers}{reasons}
<h2>Every number</h2><details><summary>the whole table</summary>{table}</details>
</body></html>
"""
