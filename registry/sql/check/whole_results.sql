-- Conditions of one rule test the same rows and are never met by the same row.
SELECT
    rule,
    any_value(table_name) AS table_name,
    any_value(kind) AS kind,
    any_value(severity) AS severity,
    max(tested) AS tested,
    CAST(sum(failed) AS BIGINT) AS failed
FROM result
GROUP BY rule
ORDER BY rule
