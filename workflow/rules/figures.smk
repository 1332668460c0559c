"""Figures: each is a notebook run with its own parameters and shown as it was rendered."""


rule render_figure:
    input:
        unpack(lambda wildcards: NOTEBOOKS[wildcards.figure]["files"]),
        notebook=lambda wildcards: str(REPOSITORY / "notebooks" / f"{NOTEBOOKS[wildcards.figure]['notebook']}.ipynb"),
    output:
        png=report(
            f"{FIGURES}/{{figure}}.png",
            caption="../report/figure.rst",
            category=lambda wildcards: shelf_of(wildcards.figure),
            labels=lambda wildcards: {"what": label_of(wildcards.figure)},
        ),
        pdf=f"{FIGURES}/{{figure}}.pdf",
        notebook=f"{RESULTS}/notebooks/{{figure}}.ipynb",
        html=report(
            f"{RESULTS}/notebooks/{{figure}}.html",
            caption="../report/notebook.rst",
            category="Rendered notebooks",
            labels=lambda wildcards: {"what": label_of(wildcards.figure)},
        ),
    log:
        f"{RESULTS}/logs/render_figure/{{figure}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/render_figure/{{figure}}.tsv"
    group:
        together("figures")
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        **needs("light"),
    params:
        parameters=lambda wildcards: NOTEBOOKS[wildcards.figure]["parameters"],
        files=lambda wildcards: NOTEBOOKS[wildcards.figure]["files"],
        code=lambda wildcards: code_of_figure(wildcards.figure),
    script:
        "../scripts/render_figure.py"
