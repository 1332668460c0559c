"""The verdicts: every claim judged by the run's tables."""

# Claims are about a dataset's own labels.
JUDGED = SETTINGS.original()


rule evaluate_claims:
    input:
        **{name: f"{RESULTS}/tables/{name}.csv" for name in studies.judged_tables(SETTINGS)},
        **facts_of(JUDGED),
    output:
        claims=f"{RESULTS}/verdicts/claims.csv",
        claims_evidence=f"{RESULTS}/verdicts/claims_evidence.csv",
    log:
        f"{RESULTS}/logs/evaluate_claims.log",
    localrule: True
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        **needs(),
    params:
        datasets=JUDGED,
        settings=studies.settings_of_runs(SETTINGS),
        columns=columns_of("claims", "claims_evidence"),
        code=[code_of("evaluate_claims.py"), *map(code_of, sorted(SOURCE.glob("agop_dnc/studies/*/claims.py")))],
    script:
        "../scripts/evaluate_claims.py"
