"""Tables: each is joined from the parts that its jobs wrote."""

REPORTED = [name for name in PARTS if DECLARED[name].section]


rule join_table:
    input:
        lambda wildcards: [f"{RESULTS}/{part}" for part in PARTS[wildcards.table]],
    output:
        report(
            f"{RESULTS}/tables/{{table}}.csv",
            caption="../report/caption.rst",
            category=lambda wildcards: DECLARED[wildcards.table].section,
            labels=lambda wildcards: {"what": f"{wildcards.table}.csv"},
        ),
    log:
        f"{RESULTS}/logs/join_table/{{table}}.log",
    wildcard_constraints:
        table="|".join(REPORTED) or "none",
    localrule: True
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        **needs(),
    params:
        columns=lambda wildcards: list(DECLARED[wildcards.table].columns),
        code=code_of("join_table.py"),
    script:
        "../scripts/join_table.py"


# The same for tables that the report leaves out.
use rule join_table as join_long_table with:
    output:
        f"{RESULTS}/tables/{{table}}.csv",
    wildcard_constraints:
        table="|".join(name for name in PARTS if name not in REPORTED) or "none",
