"""Regenerate the figures and tables of 'Average gradient outer product as a mechanism for deep neural collapse'."""


include: "workflow/rules/common.smk"
include: "workflow/rules/resources.smk"
include: "workflow/rules/data.smk"


for name in studies.NAMES:

    include: f"workflow/rules/{name}.smk"


include: "workflow/rules/tables.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/report.smk"


rule all:
    default_target: True
    input:
        TABLES,
        FIGURE_FILES,
        rules.write_pages.output,
        rules.collect_costs.output,
