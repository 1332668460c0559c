"""The workflow's jobs as a list that runs without Snakemake: exported where Snakemake is, executed anywhere.

A list is JSON: the run's name, the configuration, and the jobs in an order in which each comes after those that it needs. A job has
rule, wildcards, input, output, params, log, script and the outputs that are temporary, as Snakemake's own DAG has them.
"""

from __future__ import annotations

import json
import os
import runpy
import shutil
import subprocess
import sys
import traceback
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from . import code, costs, tables

Job = dict[str, Any]


class Named(list[Any]):
    """Values by number, by name and as attributes, as Snakemake hands them to a script."""

    def __init__(self, content: Mapping[str, Any]) -> None:
        super().__init__(content["values"])
        self._names = {name: self._part(place) for name, place in content["names"].items()}

    def _part(self, place: Sequence[int | None]) -> Any:
        start, stop = place
        return list.__getitem__(self, start) if stop is None else list.__getitem__(self, slice(start, stop))  # type: ignore[index]

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["_names"][name]
        except KeyError as error:
            raise AttributeError(name) from error

    def __getitem__(self, key: Any) -> Any:
        return self._names[key] if isinstance(key, str) else super().__getitem__(key)

    def get(self, name: str, default: Any = None) -> Any:
        """Return a value by name."""
        return self._names.get(name, default)

    def items(self) -> Iterable[tuple[str, Any]]:
        """Return all named values with their names."""
        return self._names.items()

    def keys(self) -> Iterable[str]:
        """Return the names."""
        return self._names.keys()


def export(
    snakefile: str | Path, configfiles: Sequence[str | Path], targets: Sequence[str], directory: str | Path
) -> list[Job]:
    """Return the jobs that make some files, from Snakemake's DAG, in an order in which they can run one after another.

    Args:
        snakefile: The workflow.
        configfiles: Configuration files; the workflow's own if empty.
        targets: The files to make, relative to `directory`.
        directory: Where the list is to be run, or an empty folder.
    """
    from snakemake.api import SnakemakeApi
    from snakemake.settings.enums import Quietness
    from snakemake.settings.types import (
        ConfigSettings,
        DAGSettings,
        OutputSettings,
        ResourceSettings,
        StorageSettings,
        WorkflowSettings,
    )

    with SnakemakeApi(OutputSettings(quiet={Quietness.ALL})) as api:
        workflow_api = api.workflow(
            resource_settings=ResourceSettings(cores=1),
            config_settings=ConfigSettings(configfiles=[Path(file).resolve() for file in configfiles]),
            storage_settings=StorageSettings(),
            workflow_settings=WorkflowSettings(),
            snakefile=Path(snakefile),
            workdir=Path(directory),
        )
        workflow_api.dag(DAGSettings(targets=set(targets), forceall=True))
        # Snakemake offers no way to iterate over jobs without running them, so that this uses what its own --dag does.
        workflow = workflow_api._workflow
        workflow._prepare_dag(forceall=True, ignore_incomplete=True, lock_warn_only=True)
        workflow._build_dag()
        root = Path(workflow.basedir).resolve()
        ordered = [job for level in workflow.dag.toposorted() for job in sorted(level, key=str)]
        return [_exported(job, root) for job in ordered if job.rule.script]


def _exported(job: Any, root: Path) -> Job:
    script = (root / "workflow" / "rules" / job.rule.script).resolve()
    return {
        "rule": job.rule.name,
        "script": script.relative_to(root).as_posix(),
        "wildcards": dict(job.wildcards.items()),
        "input": _plain(job.input),
        "output": _plain(job.output),
        "params": _plain(job.params),
        "log": [str(path) for path in job.log],
        "temporary": sorted(str(path) for path in job.temp_output),
    }


def _plain(values: Any) -> dict[str, Any]:
    """Return a named list of Snakemake's as plain data: its values, and for each name its place or its slice."""
    names = {name: [place[0], place[1]] for name, place in values._get_names()}
    return {"values": [str(v) if isinstance(v, str | Path) else v for v in values], "names": names}


def run(jobs: Sequence[Job], config: Mapping[str, Any], repository: str | Path) -> int:
    """Run a list of jobs in the working directory, one after another, and return how many failed.

    What is there is not made again, and the dependants of a job that failed are left out. Temporary outputs go once all jobs that
    read them are done.

    Args:
        jobs: What :func:`export` returned.
        config: The run's configuration, for the records.
        repository: The repository that holds the scripts.
    """
    failed, missing = 0, set[str]()
    for job in jobs:
        if set(job["input"]["values"]) & missing:
            missing |= set(job["output"]["values"])
        elif not _is_done(job, jobs):
            print(f"{job['rule']} {' '.join(job['wildcards'].values())}".rstrip(), flush=True)
            if _run_one(job, config, Path(repository)):
                failed, missing = failed + 1, missing | set(job["output"]["values"])
        for path in job["input"]["values"]:
            _remove_if_consumed(path, jobs)
    folder = Path("results", config["run"])
    tables.write(costs.collect(folder / "costs"), costs.COLUMNS, folder / "tables" / "cost.csv")
    return failed


def _is_done(job: Job, jobs: Sequence[Job]) -> bool:
    """Return whether all that a job makes is there; temporary outputs need not be once all that reads them is done."""
    lasting = [path for path in job["output"]["values"] if path not in job["temporary"]]
    if not all(Path(path).exists() for path in lasting):
        return False
    return all(Path(path).exists() or _is_consumed(path, jobs) for path in job["temporary"])


def _is_consumed(path: str, jobs: Sequence[Job]) -> bool:
    readers = [job for job in jobs if path in job["input"]["values"]]
    return all(Path(made).exists() for job in readers for made in job["output"]["values"])


def _remove_if_consumed(path: str, jobs: Sequence[Job]) -> None:
    if any(path in job["temporary"] for job in jobs) and _is_consumed(path, jobs):
        shutil.rmtree(path, ignore_errors=True) if Path(path).is_dir() else Path(path).unlink(missing_ok=True)


def _run_one(job: Job, config: Mapping[str, Any], repository: Path) -> int:
    for path in (*job["output"]["values"], *job["log"]):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    handed = dict(job) | {"config": dict(config), "path": str(repository / job["script"])}
    if sys.platform == "linux":
        return _run_in_copy(handed)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(repository / "src"), *sys.path])}
    command = [sys.executable, "-c", "from agop_dnc.pipeline import job_list; job_list.run_script()"]
    return subprocess.run(command, input=json.dumps(handed), text=True, env=environment).returncode


def _run_in_copy(job: Job) -> int:
    """Run one job's script in a copy of this process, which has imported the libraries for all jobs, and return its exit status."""
    sys.path.insert(0, str(Path(job["path"]).parent))
    code.preload(job["path"])
    del sys.path[0]
    sys.stdout.flush()
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    status = 1
    try:
        _run_script(job)
        status = 0
    except SystemExit as stopped:
        status = stopped.code if isinstance(stopped.code, int) else 1
    except Exception:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(status)


def run_script() -> None:
    """Run one job's script in this process as Snakemake does; standard input holds the job as JSON."""
    _run_script(json.load(sys.stdin))


def _run_script(job: Job) -> None:
    named = {kind: Named(job[kind]) for kind in ("input", "output", "params")}
    wildcards = Named(
        {"values": list(job["wildcards"].values()), "names": {n: [i, None] for i, n in enumerate(job["wildcards"])}}
    )
    snakemake = SimpleNamespace(rule=job["rule"], log=job["log"], config=job["config"], wildcards=wildcards, **named)
    sys.path.insert(0, str(Path(job["path"]).parent))
    runpy.run_path(job["path"], {"snakemake": snakemake})
