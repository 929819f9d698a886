-- The hash of every row of a submission that a table holds, sorted: the same whatever the order of the rows.
SELECT sha256(CAST(to_json(kept) AS VARCHAR)) AS row_hash
FROM "{table}" AS kept
WHERE submission_id = $id
ORDER BY row_hash
