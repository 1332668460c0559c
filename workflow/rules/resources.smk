"""What each kind of job asks a scheduler for: memory, run time and GPUs, from the configuration's forecast; and which share a job."""

from agop_dnc.pipeline import forecasts

# Points and images where neither the configuration nor the prepared data say.
USUAL_POINTS = {"sklearn": 1500, "torchvision": 50_000, "npz": 50_000}
USUAL_SHAPES = {"sklearn": (1, 8, 8), "torchvision": (3, 32, 32), "npz": (3, 32, 32)}
# The least that any job asks for, in MB and minutes.
LEAST_MEMORY, LEAST_TIME = 2000, 20
# Seconds of a forecast under which a job is short: a scheduler's own job, with the Snakemakes that start in it, costs some three.
SHORT = 300


def size_of(dataset):
    """Points and image shape of a dataset: what was prepared, or what the configuration lets expect."""
    prepared = Path(RESULTS, "data", f"{dataset}.json")
    if prepared.exists():
        known = json.loads(prepared.read_text(encoding="utf-8"))
        return known["points"], tuple(known["image_shape"])
    settings = config["datasets"][dataset]
    return settings.get("n", USUAL_POINTS[settings["source"]]), USUAL_SHAPES[settings["source"]]


# Whether jobs are to run on a GPU: asked for, or here for `auto` to take.
GPUS = forecasts.gpus_here()
ON_GPU = config["device"] == "cuda" or (config["device"] == "auto" and GPUS > 0)
USE_A_GPU = ("deep_rfm", "trace", "training", "measuring")
# So many jobs use GPUs side by side, each one of its own, unless --resources or a profile says otherwise.
if "gpu" not in workflow.global_resources:
    workflow.register_resource("gpu", max(1, GPUS))
SPEED = forecasts.GPU_RATE if ON_GPU else forecasts.RATE * config["threads"]


def forecast(kind, wildcards):
    """Of one job: of a Deep RFM, of a network's training or measurement, or of the studies that repeat one."""
    if kind in ("deep_rfm", "trace", "departure"):
        name = "relu" if kind == "departure" else wildcards.get("activation") or wildcards.get("model")
        activation = name if name in ACTIVATIONS else ACTIVATIONS[0]
        settings = configuration.model_settings(config["deep_rfm"], "activation", activation, wildcards.dataset)
        # Departures run on the CPU, and up to six models in a row.
        if kind == "departure":
            one = forecasts.deep_rfm(*size_of(wildcards.dataset), settings, forecasts.RATE * config["threads"])
            return forecasts.Forecast(one.bytes, 6 * one.seconds)
        return forecasts.deep_rfm(*size_of(wildcards.dataset), settings, SPEED)
    settings = configuration.model_settings(NETWORKS, "architecture", wildcards.architecture, wildcards.dataset)
    made = forecasts.training if kind == "training" else forecasts.measuring
    return made(wildcards.architecture, *size_of(wildcards.dataset), settings, SPEED)


def needs(kind):
    """mem_mb, runtime (minutes) and gpu of a kind of job, as a rule's resources.

    `light` is what needs no forecast. Memory and time grow with every attempt, so that a job which was killed for one of them is
    tried again with more.
    """

    def memory(wildcards, attempt):
        needed = 0 if kind == "light" else forecast(kind, wildcards).bytes * 1.25 / 1e6
        return int(max(LEAST_MEMORY, needed) * (1 + 0.5 * (attempt - 1)))

    def runtime(wildcards, attempt):
        needed = 0 if kind == "light" else 3 * forecast(kind, wildcards).seconds / 60
        return int(max(LEAST_TIME, needed) * attempt)

    return {"mem_mb": memory, "runtime": runtime, "gpu": int(ON_GPU and kind in USE_A_GPU)}


def together(name, *kinds):
    """A rule's group, by the kinds of all jobs that hang together in it: on a cluster, short ones share one of the scheduler's.

    A profile's group-components says how many of them make one. Jobs that use a GPU ask for one each. No kind: light.
    """

    def group(wildcards):
        if workflow.local_exec or (ON_GPU and any(kind in USE_A_GPU for kind in kinds)):
            return None
        # Snakemake does not tell a job's own process of group-components: it would start one of the group after another there, each by a
        # Snakemake of its own. All that such a process is given belongs together.
        if not workflow.is_main_process:
            components = workflow.group_settings.group_components
            workflow.group_settings.group_components = {**components, name: sys.maxsize}
        return name if sum(forecast(kind, wildcards).seconds for kind in kinds) < SHORT else None

    return group
