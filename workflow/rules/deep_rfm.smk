"""Deep Recursive Feature Machines: a job per dataset, activation and seed."""


rule fit_deep_rfm:
    input:
        f"{RESULTS}/data/{{dataset}}.npz",
    output:
        table=f"{RESULTS}/deep_rfm/{{dataset}}/{{activation}}/seed_{{seed}}.csv",
    log:
        f"{RESULTS}/logs/fit_deep_rfm/{{dataset}}_{{activation}}_{{seed}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/fit_deep_rfm/{{dataset}}_{{activation}}_{{seed}}.tsv"
    group:
        together("deep_rfm", "deep_rfm")
    conda:
        ENVIRONMENT
    threads: config["threads"]
    resources:
        **needs("deep_rfm"),
    params:
        settings=lambda wildcards: jobs.deep_rfm_settings(config, wildcards.activation, wildcards.dataset),
        labels=labels_of,
        gram_layers=[],
        device=config["device"],
        threads=config["threads"],
        code=code_of("fit_deep_rfm.py"),
    script:
        "../scripts/fit_deep_rfm.py"


# Gram matrices show the first seed's run, so that its jobs write them as well.
use rule fit_deep_rfm as fit_deep_rfm_and_gram with:
    output:
        table=f"{RESULTS}/deep_rfm/{{dataset}}/{{activation}}/seed_{{seed}}.csv",
        gram=f"{RESULTS}/deep_rfm/{{dataset}}/{{activation}}/gram_{{seed}}.npz",
    log:
        f"{RESULTS}/logs/fit_deep_rfm/{{dataset}}_{{activation}}_{{seed}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/fit_deep_rfm/{{dataset}}_{{activation}}_{{seed}}.tsv"
    wildcard_constraints:
        seed=str(SEEDS[0]),
    params:
        settings=lambda wildcards: jobs.deep_rfm_settings(config, wildcards.activation, wildcards.dataset),
        labels=labels_of,
        gram_layers=config["deep_rfm"]["gram_layers"],
        device=config["device"],
        threads=config["threads"],
        code=code_of("fit_deep_rfm.py"),


ruleorder: fit_deep_rfm_and_gram > fit_deep_rfm


rule join_deep_rfm_tables:
    input:
        deep_rfm_tables(ACTIVATIONS),
    output:
        report(f"{RESULTS}/tables/deep_rfm.csv", caption="../report/table.rst", category="Tables"),
    log:
        f"{RESULTS}/logs/join_deep_rfm_tables.log",
    benchmark:
        f"{RESULTS}/benchmarks/join_deep_rfm_tables.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        **needs("light"),
    params:
        code=code_of("join_tables.py"),
    script:
        "../scripts/join_tables.py"


if DEEP_RFM_DATASETS:
    TABLES.append(f"{RESULTS}/tables/deep_rfm.csv")
