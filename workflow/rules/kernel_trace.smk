"""The kernels of the run's Deep RFMs and of an RFM, compared with both theorems."""

from agop_dnc.studies.kernel_trace import study as kernel_trace

TRACED = kernel_trace.datasets(SETTINGS) if SETTINGS.has("kernel_trace") else []
TRACED_MODELS = kernel_trace.models(SETTINGS) if TRACED else []


# Return the forecast of tracing one model.
trace_forecast = lambda wildcards: deep_rfm.forecast(
    SETTINGS, wildcards.model, wildcards.dataset, size_of(wildcards.dataset), RATE
)


rule trace_kernels:
    input:
        data=DATA,
    output:
        f"{RESULTS}/kernel_trace/{{dataset}}/{{model}}.csv",
    log:
        f"{RESULTS}/logs/trace_kernels/{{dataset}}_{{model}}.log",
    wildcard_constraints:
        model="relu|cos|rfm",
    group:
        together("theory", trace_forecast, gpu=True)
    conda:
        ENVIRONMENT
    threads: SETTINGS.threads
    resources:
        **needs(trace_forecast, gpu=True),
    params:
        settings=lambda wildcards: kernel_trace.job_settings(SETTINGS, wildcards.model, wildcards.dataset),
        mu=lambda wildcards: kernel_trace.mu(SETTINGS),
        seed=SETTINGS.seeds[0],
        device=SETTINGS.device,
        threads=SETTINGS.threads,
        columns=columns_of("kernel_trace"),
        code=code_of("trace_kernels.py"),
    script:
        "../scripts/trace_kernels.py"


rule compare_kernel_traces:
    input:
        traces=f"{RESULTS}/tables/kernel_trace.csv",
        data=files_of(TRACED),
    output:
        f"{RESULTS}/kernel_trace/predictions.csv",
    log:
        f"{RESULTS}/logs/compare_kernel_traces.log",
    localrule: True
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        **needs(),
    params:
        datasets=TRACED,
        settings={
            name: {model: kernel_trace.job_settings(SETTINGS, model, name) for model in TRACED_MODELS}
            for name in TRACED
        },
        mu=lambda wildcards: kernel_trace.mu(SETTINGS),
        columns=columns_of("predictions"),
        code=code_of("compare_kernel_traces.py"),
    script:
        "../scripts/compare_kernel_traces.py"
