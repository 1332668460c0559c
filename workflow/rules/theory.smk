"""The kernels of the run's Deep RFMs beside both theorems, and the table of all predictions."""


rule trace_kernels:
    input:
        f"{RESULTS}/data/{{dataset}}.npz",
    output:
        f"{THEORY}/{{dataset}}/trace_{{model}}.csv",
    log:
        f"{RESULTS}/logs/trace_kernels/{{dataset}}_{{model}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/trace_kernels/{{dataset}}_{{model}}.tsv"
    group:
        together("theory", "trace")
    conda:
        ENVIRONMENT
    threads: config["threads"]
    resources:
        **needs("trace"),
    params:
        settings=lambda wildcards: trace_settings(wildcards.model, wildcards.dataset),
        mu=LEARNING["mu"],
        seed=SEEDS[0],
        device=config["device"],
        threads=config["threads"],
        code=code_of("trace_kernels.py"),
    script:
        "../scripts/trace_kernels.py"


rule join_kernel_traces:
    input:
        expand(f"{THEORY}/{{dataset}}/trace_{{model}}.csv", dataset=TRACED, model=[*ACTIVATIONS, "rfm"]),
    output:
        report(f"{RESULTS}/tables/kernel_trace.csv", caption="../report/table.rst", category="Tables"),
    log:
        f"{RESULTS}/logs/join_kernel_traces.log",
    benchmark:
        f"{RESULTS}/benchmarks/join_kernel_traces.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        **needs("light"),
    params:
        code=code_of("join_tables.py"),
    script:
        "../scripts/join_tables.py"


rule compare_kernel_traces:
    input:
        traces=f"{RESULTS}/tables/kernel_trace.csv",
        data=[f"{RESULTS}/data/{name}.npz" for name in TRACED],
    output:
        f"{THEORY}/kernel_trace.csv",
    log:
        f"{RESULTS}/logs/compare_kernel_traces.log",
    benchmark:
        f"{RESULTS}/benchmarks/compare_kernel_traces.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        **needs("light"),
    params:
        datasets=TRACED,
        settings={name: {model: trace_settings(model, name) for model in [*ACTIVATIONS, "rfm"]} for name in TRACED},
        mu=LEARNING["mu"],
        code=code_of("compare_kernel_traces.py"),
    script:
        "../scripts/compare_kernel_traces.py"


THEORY_PARTS = [f"{THEORY}/collapse_iteration.csv"] if ITERATION["enabled"] else []
THEORY_PARTS += [f"{THEORY}/kernel_learning.csv"] if LEARNING["enabled"] else []
THEORY_PARTS += [f"{THEORY}/kernel_trace.csv"] if TRACED else []


rule join_theory:
    input:
        THEORY_PARTS,
    output:
        report(f"{RESULTS}/tables/theory.csv", caption="../report/table.rst", category="Tables"),
    log:
        f"{RESULTS}/logs/join_theory.log",
    benchmark:
        f"{RESULTS}/benchmarks/join_theory.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        **needs("light"),
    params:
        code=code_of("join_tables.py"),
    script:
        "../scripts/join_tables.py"


if THEORY_PARTS:
    TABLES.append(f"{RESULTS}/tables/theory.csv")
