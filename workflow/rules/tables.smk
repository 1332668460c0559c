"""Tables: each is joined from the parts that its jobs wrote."""


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
