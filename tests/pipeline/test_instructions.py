"""Equal bytes with and without AVX-512: the setting `instructions: avx2`."""

import hashlib
import json
import os
import platform
import sys
from pathlib import Path

import pytest

from agop_dnc.errors import UserError
from agop_dnc.pipeline import instructions

TABLES = [f"results/test/tables/{name}.csv" for name in ("deep_rfm", "networks", "nfa", "training")]
# What MKL and the C library may use at most; the second is a processor without AVX-512.
LIMITS = {
    "all": {},
    "no AVX-512": {
        "MKL_ENABLE_INSTRUCTIONS": "AVX2",
        "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX512F,-AVX512VL,-AVX512BW,-AVX512DQ,-AVX512CD",
    },
}
# The SHA-256 of the tables, by the processor's maker and family: MKL has a branch for each maker.
KNOWN = json.loads(Path(__file__).with_name("avx2.json").read_text())
on_avx2 = pytest.mark.skipif(
    not sys.platform.startswith("linux") or platform.machine() != "x86_64", reason="AVX2 is of x86-64 processors"
)


def checksums(folder):
    return {Path(table).name: hashlib.sha256((folder / table).read_bytes()).hexdigest() for table in TABLES}


@pytest.fixture(scope="module")
def limited(shared, snakemake):
    """The checksums under each limit."""
    found = {}
    for name, environment in LIMITS.items():

        def make(folder, environment=environment):
            done = snakemake(folder, "--cores", "2", *TABLES, "--config", "instructions=avx2", **environment)
            return done.stderr if done.returncode else ""

        found[name] = checksums(shared(f"instructions {name}", make))
    return found


@on_avx2
def test_avx2_tables_are_equal_with_and_without_avx512(limited):
    assert limited["all"] == limited["no AVX-512"]


@on_avx2
def test_avx2_tables_have_the_checksums_kept_for_this_processor(limited):
    kind = instructions.family()
    if kind not in KNOWN:
        pytest.skip(f"no checksums are kept for {kind}; they are {json.dumps(limited['all'])}")
    assert limited["all"] == KNOWN[kind]


def test_only_avx2_changes_the_environment(monkeypatch):
    monkeypatch.setattr(os, "environ", {})
    instructions.limit("native")
    assert os.environ == {}
    monkeypatch.setattr(instructions, "processor", lambda: {"flags": "fpu avx2 fma"})
    instructions.limit("avx2")
    assert os.environ["ONEDNN_MAX_CPU_ISA"] == "AVX2"


def test_processor_without_avx2_is_an_error_with_the_remedy(monkeypatch):
    monkeypatch.setattr(instructions, "processor", lambda: {"flags": "fpu sse4_2"})
    with pytest.raises(UserError, match="instructions: native"):
        instructions.limit("avx2")
