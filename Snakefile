"""Regenerate the figures and tables of 'Average gradient outer product as a mechanism for deep neural collapse'."""


include: "workflow/rules/common.smk"
include: "workflow/rules/resources.smk"
include: "workflow/rules/data.smk"


for name in studies.NAMES:

    include: f"workflow/rules/{name}.smk"


include: "workflow/rules/tables.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/report.smk"


onstart:
    # Snakemake limits how many jobs start per second by a chain of timers per finished job, which costs its main process half a second of
    # processor time each. Local runs need no such limit. Without the attribute, as in another version, nothing is changed.
    if workflow.local_exec and getattr(workflow.scheduler, "job_rate_limiter", None) is not None:
        workflow.scheduler.job_rate_limiter = None
    # Local jobs start from one process that has imported the libraries.
    if workflow.local_exec:
        warm.start(".snakemake/agop_dnc.warm")


rule all:
    default_target: True
    input:
        TABLES,
        FIGURE_FILES,
        rules.write_pages.output,
        rules.collect_costs.output,
