-- What stands in a table after a delta: its own rows, and those of its base that it neither names nor removes.
SELECT sent.*, sent_place.file, sent_place."at"
FROM sent LEFT JOIN sent_place USING (line)
UNION ALL BY NAME
SELECT
    base.* REPLACE ((SELECT coalesce(max(line), 0) FROM sent) + row_number() OVER (ORDER BY base.line) AS line),
    $base || '/' || coalesce(base_place.file, $file) AS file,
    coalesce(base_place."at", base.line) AS "at"
FROM base LEFT JOIN base_place USING (line)
WHERE
    NOT EXISTS (SELECT 1 FROM sent WHERE {same_sent})
    AND NOT EXISTS (SELECT 1 FROM removed WHERE {same_removed})
    AND NOT EXISTS (SELECT 1 FROM removed_person WHERE removed_person.patient_id = base.patient_id)
ORDER BY line
