"""Regenerate the figures and tables of 'Average gradient outer product as a mechanism for deep neural collapse'."""


include: "workflow/rules/common.smk"
include: "workflow/rules/resources.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/deep_rfm.smk"
include: "workflow/rules/networks.smk"
include: "workflow/rules/collapse_iteration.smk"
include: "workflow/rules/kernel_learning.smk"
include: "workflow/rules/theory.smk"
include: "workflow/rules/unconstrained_features.smk"
include: "workflow/rules/catalogue.smk"
include: "workflow/rules/review.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/report.smk"


rule all:
    default_target: True
    input:
        TABLES,
        figure_files(),
        rules.write_pages.output,
        rules.collect_costs.output,
