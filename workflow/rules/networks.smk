"""Networks: trained in snapshots, which are measured and ablated, and then deleted unless they are to be kept."""

SNAPSHOTS = f"{RESULTS}/networks/{{dataset}}/{{architecture}}/seed_{{seed}}/snapshots"
NETWORK = f"{RESULTS}/networks/{{dataset}}/{{architecture}}/seed_{{seed}}"
NETWORK_JOB = "{dataset}_{architecture}_{seed}"


rule train_network:
    input:
        data=f"{RESULTS}/data/{{dataset}}.npz",
    output:
        snapshots=directory(SNAPSHOTS) if NETWORKS["keep_snapshots"] else temp(directory(SNAPSHOTS)),
        losses=f"{NETWORK}/losses.csv",
    log:
        f"{RESULTS}/logs/train_network/{NETWORK_JOB}.log",
    benchmark:
        f"{RESULTS}/benchmarks/train_network/{NETWORK_JOB}.tsv"
    group:
        together("networks", "training", "measuring", "measuring")
    conda:
        ENVIRONMENT
    threads: config["threads"]
    resources:
        **needs("training"),
    params:
        training=network_settings(*jobs.TRAINING_KEYS),
        network=network_settings(*jobs.NETWORK_KEYS),
        labels=labels_of,
        state=f"{RESULTS}/state/{{dataset}}_{{architecture}}_{{seed}}",
        device=config["device"],
        tf32=NETWORKS["tf32"],
        threads=config["threads"],
        code=code_of("train_network.py"),
    script:
        "../scripts/train_network.py"


rule measure_network:
    input:
        data=f"{RESULTS}/data/{{dataset}}.npz",
        snapshots=SNAPSHOTS,
    output:
        networks=f"{NETWORK}/networks.csv",
        nfa=f"{NETWORK}/nfa.csv",
        training=f"{NETWORK}/training.csv",
    log:
        f"{RESULTS}/logs/measure_network/{NETWORK_JOB}.log",
    benchmark:
        f"{RESULTS}/benchmarks/measure_network/{NETWORK_JOB}.tsv"
    group:
        together("networks", "training", "measuring", "measuring")
    conda:
        ENVIRONMENT
    threads: config["threads"]
    resources:
        **needs("measuring"),
    params:
        network=network_settings(*jobs.NETWORK_KEYS),
        labels=labels_of,
        device=config["device"],
        tf32=NETWORKS["tf32"],
        threads=config["threads"],
        code=code_of("measure_network.py"),
    script:
        "../scripts/measure_network.py"


rule ablate_network:
    input:
        data=f"{RESULTS}/data/{{dataset}}.npz",
        snapshots=SNAPSHOTS,
    output:
        ablation=f"{NETWORK}/ablation.csv",
        truncation=f"{NETWORK}/truncation.csv",
    log:
        f"{RESULTS}/logs/ablate_network/{NETWORK_JOB}.log",
    benchmark:
        f"{RESULTS}/benchmarks/ablate_network/{NETWORK_JOB}.tsv"
    group:
        together("networks", "training", "measuring", "measuring")
    conda:
        ENVIRONMENT
    threads: config["threads"]
    resources:
        **needs("measuring"),
    params:
        network=network_settings(*jobs.NETWORK_KEYS),
        labels=labels_of,
        ranks=list(jobs.RANKS),
        device=config["device"],
        tf32=NETWORKS["tf32"],
        threads=config["threads"],
        code=code_of("ablate_network.py"),
    script:
        "../scripts/ablate_network.py"


rule join_network_tables:
    input:
        networks=network_tables("networks") + network_tables("truncation"),
        ablation=network_tables("ablation"),
        nfa=network_tables("nfa"),
        training=network_tables("training") + network_tables("losses"),
    output:
        networks=report(f"{RESULTS}/tables/networks.csv", caption="../report/table.rst", category="Tables"),
        ablation=report(f"{RESULTS}/tables/ablation.csv", caption="../report/table.rst", category="Tables"),
        nfa=report(f"{RESULTS}/tables/nfa.csv", caption="../report/table.rst", category="Tables"),
        training=report(f"{RESULTS}/tables/training.csv", caption="../report/table.rst", category="Tables"),
        nfa_summary=report(f"{RESULTS}/tables/nfa_summary.csv", caption="../report/table.rst", category="Tables"),
        nfa_markdown=f"{RESULTS}/tables/nfa_summary.md",
    log:
        f"{RESULTS}/logs/join_network_tables.log",
    benchmark:
        f"{RESULTS}/benchmarks/join_network_tables.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        **needs("light"),
    params:
        code=code_of("join_network_tables.py"),
    script:
        "../scripts/join_network_tables.py"


if ARCHITECTURES:
    TABLES += rules.join_network_tables.output
