"""Figures: each is a notebook run with its own parameters and shown as it was rendered."""


rule render_figure:
    input:
        unpack(lambda wildcards: NOTEBOOKS[wildcards.figure]["files"]),
        notebook=lambda wildcards: str(REPOSITORY / "notebooks" / f"{NOTEBOOKS[wildcards.figure]['notebook']}.ipynb"),
    output:
        png=f"{FIGURES}/{{figure}}.png",
        pdf=f"{FIGURES}/{{figure}}.pdf",
        notebook=f"{RESULTS}/notebooks/{{figure}}.ipynb",
        html=f"{RESULTS}/notebooks/{{figure}}.html",
    log:
        f"{RESULTS}/logs/render_figure/{{figure}}.log",
    conda:
        ENVIRONMENT
    params:
        parameters=lambda wildcards: NOTEBOOKS[wildcards.figure]["parameters"],
        files=lambda wildcards: NOTEBOOKS[wildcards.figure]["files"],
        library=library_hash("plots", "reading", "tables", "notebooks"),
    script:
        "../scripts/render_figure.py"
