-- Baseline visit: a core set measure in the baseline window
SELECT person_id, 'no core set measure in the baseline window' AS reason
FROM time_zero
ANTI JOIN (
    SELECT person_id FROM baseline_core_set WHERE measure IN ('phga', 'ptga', 'mmt8', 'haq', 'exga')
) USING (person_id)
ORDER BY person_id
