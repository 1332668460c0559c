"""The review: the paper's claims with verdicts, and what the released code does otherwise."""

# Claims are about a dataset's own labels; random ones have Figure S2.
JUDGED = [name for name, settings in config["datasets"].items() if settings["labels"] == "original"]
CLAIM_TABLES = {"feature_kernel": f"{RESULTS}/tables/feature_kernel.csv"}
if DEEP_RFM_DATASETS:
    CLAIM_TABLES["deep_rfm"] = f"{RESULTS}/tables/deep_rfm.csv"
if ARCHITECTURES:
    CLAIM_TABLES |= {kind: f"{RESULTS}/tables/{kind}.csv" for kind in ("ablation", "nfa", "networks", "training")}


rule sample_feature_kernel:
    output:
        report(f"{RESULTS}/tables/feature_kernel.csv", caption="../report/table.rst", category="Tables"),
    log:
        f"{RESULTS}/logs/sample_feature_kernel.log",
    benchmark:
        f"{RESULTS}/benchmarks/sample_feature_kernel.tsv"
    group:
        together("review")
    conda:
        ENVIRONMENT
    threads: config["threads"]
    resources:
        **needs("light"),
    params:
        seeds=SEEDS,
        angles=13,
        widths=[64, 256, 1024, 4096],
        draws=200,
        threads=config["threads"],
        code=code_of("sample_feature_kernel.py"),
    script:
        "../scripts/sample_feature_kernel.py"


rule evaluate_claims:
    input:
        **CLAIM_TABLES,
        **facts(JUDGED),
    output:
        claims=report(f"{RESULTS}/tables/claims.csv", caption="../report/table.rst", category="Verdicts"),
        evidence=report(f"{RESULTS}/tables/claims_evidence.csv", caption="../report/table.rst", category="Verdicts"),
    log:
        f"{RESULTS}/logs/evaluate_claims.log",
    benchmark:
        f"{RESULTS}/benchmarks/evaluate_claims.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        **needs("light"),
    params:
        datasets=JUDGED,
        code=code_of("evaluate_claims.py"),
    script:
        "../scripts/evaluate_claims.py"


rule measure_departure:
    input:
        data=f"{RESULTS}/data/{{dataset}}.npz",
        deep_rfm=lambda wildcards: f"{RESULTS}/tables/deep_rfm.csv" if wildcards.group == "definitions" else [],
    output:
        f"{RESULTS}/departures/{{dataset}}/{{group}}.csv",
    log:
        f"{RESULTS}/logs/measure_departure/{{dataset}}_{{group}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/measure_departure/{{dataset}}_{{group}}.tsv"
    group:
        together("review", "departure")
    conda:
        ENVIRONMENT
    threads: config["threads"]
    resources:
        **needs("departure"),
    params:
        settings=departure_settings,
        seed=SEEDS[0],
        threads=config["threads"],
        code=code_of("measure_departure.py"),
    script:
        "../scripts/measure_departure.py"


rule join_departures:
    input:
        [
            f"{RESULTS}/departures/{dataset}/{group}.csv"
            for dataset in DEPARTURE_DATASETS
            for group in departure_groups(dataset)
        ],
    output:
        report(f"{RESULTS}/tables/departures.csv", caption="../report/table.rst", category="Tables"),
    log:
        f"{RESULTS}/logs/join_departures.log",
    benchmark:
        f"{RESULTS}/benchmarks/join_departures.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        **needs("light"),
    params:
        code=code_of("join_tables.py"),
    script:
        "../scripts/join_tables.py"


if config["claims"]["enabled"] and not config["figures"]:
    TABLES += [*rules.sample_feature_kernel.output, *rules.evaluate_claims.output]
if DEPARTURE_DATASETS and not config["figures"]:
    TABLES += rules.join_departures.output
