"""Figures: each is a notebook that is run with the figure's parameters and rendered."""

FIGURE_FILES = expand(f"{FIGURES}/{{figure}}.{{kind}}", figure=DRAWN, kind=["png", "pdf"]) + expand(
    f"{RESULTS}/notebooks/{{figure}}.{{kind}}", figure=DRAWN, kind=["ipynb", "html"]
)


rule render_figure:
    input:
        unpack(lambda wildcards: read_by(wildcards.figure)),
        notebook=lambda wildcards: str(NOTEBOOKS / f"{DRAWN[wildcards.figure].notebook}.ipynb"),
    output:
        png=report(
            f"{FIGURES}/{{figure}}.png",
            caption="../report/caption.rst",
            category=lambda wildcards: DRAWN[wildcards.figure].section,
            labels=lambda wildcards: {"what": DRAWN[wildcards.figure].sort_label},
        ),
        pdf=f"{FIGURES}/{{figure}}.pdf",
        notebook=f"{RESULTS}/notebooks/{{figure}}.ipynb",
        html=report(
            f"{RESULTS}/notebooks/{{figure}}.html",
            caption="../report/notebook.rst",
            category="Rendered notebooks",
            labels=lambda wildcards: {"what": DRAWN[wildcards.figure].sort_label},
        ),
    log:
        f"{RESULTS}/logs/render_figure/{{figure}}.log",
    group:
        together("figures")
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        **needs(),
    params:
        title=lambda wildcards: f"{DRAWN[wildcards.figure].label}: {DRAWN[wildcards.figure].title}",
        parameters=lambda wildcards: dict(DRAWN[wildcards.figure].parameters),
        files=lambda wildcards: read_by(wildcards.figure),
        code=lambda wildcards: [
            code_of("render_figure.py"),
            code_of(NOTEBOOKS / f"{DRAWN[wildcards.figure].notebook}.ipynb"),
        ],
    script:
        "../scripts/render_figure.py"
