"""What each kind of job asks a scheduler for, from the studies' forecasts; and which share a job."""

from agop_dnc.pipeline import forecasts, resources

# Whether jobs are to run on a GPU: asked for, or here for `auto` to take.
GPUS = forecasts.gpus_here()
ON_GPU = SETTINGS.device == "cuda" or (SETTINGS.device == "auto" and GPUS > 0)
# So many jobs use GPUs at once, each one of its own, unless --resources or a profile says otherwise.
if "gpu" not in workflow.global_resources:
    workflow.register_resource("gpu", max(1, GPUS))
CPU_RATE = forecasts.RATE * SETTINGS.threads
RATE = forecasts.GPU_RATE if ON_GPU else CPU_RATE


def size_of(dataset):
    """Return the points and image shape of a dataset, as far as they are known."""
    return resources.size_of(SETTINGS.datasets[dataset], Path(RESULTS, "data", f"{dataset}.json"))


def needs(forecast=None, gpu=False):
    """Return mem_mb, runtime (minutes) and gpu of a kind of job, as a rule's resources; a light job has no forecast."""
    return {
        "mem_mb": lambda wildcards, attempt: resources.memory_mb(forecast and forecast(wildcards), attempt),
        "runtime": lambda wildcards, attempt: resources.runtime_minutes(forecast and forecast(wildcards), attempt),
        "gpu": int(ON_GPU and gpu),
    }


def together(name, *forecasted, gpu=False):
    """Return a rule's group, by the forecasts of all jobs that depend on each other in it: on a cluster, short ones share one job.

    A profile's group-components says how many of them make one. Jobs that use a GPU ask for one each. No forecast: light.
    """

    def group(wildcards):
        if workflow.local_exec or (ON_GPU and gpu):
            return None
        # Snakemake does not tell a job's own process of group-components: it would start one of the group after another there, each by a
        # Snakemake of its own. All that such a process is given belongs together.
        if not workflow.is_main_process:
            components = workflow.group_settings.group_components
            workflow.group_settings.group_components = {**components, name: sys.maxsize}
        return name if resources.is_short([forecast(wildcards) for forecast in forecasted]) else None

    return group
