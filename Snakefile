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


# On the machine that submits: what may need a network, which a cluster's nodes often lack, and what takes a second or two.
localrules:
    prepare_data,
    join_deep_rfm_tables,
    join_network_tables,
    join_kernel_traces,
    join_theory,
    join_dufm,
    join_dufm_curves,
    evaluate_claims,
    join_departures,
    write_pages,
    collect_costs,


rule all:
    default_target: True
    input:
        TABLES,
        figure_files(),
        rules.write_pages.output,
        rules.collect_costs.output,
