"""The resources that each kind of job requests, from the studies' forecasts, and the groups of jobs that share one cluster job."""

from agop_dnc.pipeline import forecasts, resources

# Whether jobs run on a GPU: because it is requested, or because `auto` finds one.
GPUS = forecasts.gpus_here()
ON_GPU = SETTINGS.device == "cuda" or (SETTINGS.device == "auto" and GPUS > 0)
# As many jobs use a GPU at once as there are GPUs, one each, unless --resources or a profile says otherwise.
if "gpu" not in workflow.global_resources:
    workflow.register_resource("gpu", max(1, GPUS))
CPU_RATE = forecasts.RATE * SETTINGS.threads
RATE = forecasts.GPU_RATE if ON_GPU else CPU_RATE


def size_of(dataset):
    """Return the number of points and the image shape of a dataset, as far as they are known."""
    return resources.size_of(SETTINGS.datasets[dataset], Path(RESULTS, "data", f"{dataset}.json"))


def needs(forecast=None, gpu=False):
    """Return a rule's resources mem_mb, runtime (minutes) and gpu; without a forecast, those of a light job."""
    return {
        "mem_mb": lambda wildcards, attempt: resources.memory_mb(forecast and forecast(wildcards), attempt),
        "runtime": lambda wildcards, attempt: resources.runtime_minutes(forecast and forecast(wildcards), attempt),
        "gpu": int(ON_GPU and gpu),
    }


def together(name, *forecasted, gpu=False):
    """Return a rule's group: on a cluster, short jobs share one cluster job.

    Args:
        name: The group's name; a profile's group-components says how many of its jobs share one cluster job.
        *forecasted: Forecasts of all jobs in the group that depend on each other; none for light jobs.
        gpu: Whether the jobs can use a GPU; those that do share no cluster job, since each needs a GPU.

    Returns:
        A function of the wildcards that returns the name, or None for jobs that are submitted by themselves.
    """

    def group(wildcards):
        if workflow.local_exec or (ON_GPU and gpu):
            return None
        # Snakemake does not pass group-components to a cluster job's own process, which would then run the group's jobs one after
        # another, each in a Snakemake of its own. All jobs that such a process receives belong to one group.
        if not workflow.is_main_process:
            components = workflow.group_settings.group_components
            workflow.group_settings.group_components = {**components, name: sys.maxsize}
        return name if resources.is_short([forecast(wildcards) for forecast in forecasted]) else None

    return group
