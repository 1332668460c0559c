"""Networks: training leaves snapshots, which are measured; all but the last are then deleted, unless they are to be kept."""

from agop_dnc.studies.networks import study as networks

NETWORK = f"{RESULTS}/networks/{{dataset}}/{{architecture}}/seed_{{seed}}"
NETWORK_LOG = "{dataset}_{architecture}_{seed}.log"
KEEPS_SNAPSHOTS = SETTINGS.has("networks") and SETTINGS.networks.keep_snapshots


# Return the forecast of training one network.
training_forecast = lambda wildcards: networks.forecast(
    "training", SETTINGS, wildcards.architecture, wildcards.dataset, size_of(wildcards.dataset), RATE
)


# Return the forecast of measuring all snapshots of one network.
measuring_forecast = lambda wildcards: networks.forecast(
    "measuring", SETTINGS, wildcards.architecture, wildcards.dataset, size_of(wildcards.dataset), RATE
)


rule train_network:
    input:
        data=DATA,
    output:
        snapshots=(directory(f"{NETWORK}/snapshots") if KEEPS_SNAPSHOTS else temp(directory(f"{NETWORK}/snapshots"))),
        last=f"{NETWORK}/last.safetensors",
        losses=f"{NETWORK}/losses.csv",
    log:
        f"{RESULTS}/logs/train_network/{NETWORK_LOG}",
    wildcard_constraints:
        architecture="|".join(networks.TITLES),
    group:
        together("networks", training_forecast, measuring_forecast, gpu=True)
    conda:
        ENVIRONMENT
    threads: SETTINGS.threads
    resources:
        **needs(training_forecast, gpu=True),
    params:
        training=lambda wildcards: networks.training_settings(SETTINGS, wildcards.architecture, wildcards.dataset),
        network=lambda wildcards: networks.network_settings(SETTINGS, wildcards.architecture, wildcards.dataset),
        labels=labels_of,
        state=f"{RESULTS}/state/{{dataset}}_{{architecture}}_{{seed}}",
        device=SETTINGS.device,
        tf32=SETTINGS.networks.tf32,
        threads=SETTINGS.threads,
        columns=columns_of("training"),
        code=code_of("train_network.py"),
    script:
        "../scripts/train_network.py"


rule measure_network:
    input:
        data=DATA,
        snapshots=f"{NETWORK}/snapshots",
    output:
        networks=f"{NETWORK}/networks.csv",
        truncation=f"{NETWORK}/truncation.csv",
        nfa=f"{NETWORK}/nfa.csv",
        training=f"{NETWORK}/training.csv",
    log:
        f"{RESULTS}/logs/measure_network/{NETWORK_LOG}",
    wildcard_constraints:
        architecture="|".join(networks.TITLES),
    group:
        together("networks", training_forecast, measuring_forecast, gpu=True)
    conda:
        ENVIRONMENT
    threads: SETTINGS.threads
    resources:
        **needs(measuring_forecast, gpu=True),
    params:
        network=lambda wildcards: networks.network_settings(SETTINGS, wildcards.architecture, wildcards.dataset),
        labels=labels_of,
        ranks=list(networks.RANKS),
        device=SETTINGS.device,
        tf32=SETTINGS.networks.tf32,
        threads=SETTINGS.threads,
        columns=columns_of("networks", "truncation", "nfa", "training"),
        code=code_of("measure_network.py"),
    script:
        "../scripts/measure_network.py"


rule summarise_nfa:
    input:
        f"{RESULTS}/tables/nfa.csv",
    output:
        f"{RESULTS}/networks/nfa_summary.csv",
    log:
        f"{RESULTS}/logs/summarise_nfa.log",
    localrule: True
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        **needs(),
    params:
        columns=columns_of("nfa_summary"),
        code=code_of("summarise_nfa.py"),
    script:
        "../scripts/summarise_nfa.py"
