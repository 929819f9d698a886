-- id: antibody.two_myositis_specific
-- severity: query
-- kind: plausibility
-- columns: antibody, result
-- message: Another myositis-specific antibody of this person, {other}, is positive too (line {other_line}).
-- meaning: Two myositis-specific antibodies of one person are positive.
-- advice: Confirm both results: two myositis-specific antibodies in one person are rare.
-- source: choice: they exclude each other as a rule
SELECT
    row.line, row.antibody <> first_found.antibody AS wrong, first_found.antibody AS other,
    first_found.other_line
FROM antibody AS row
JOIN (
    SELECT patient_id, arg_min(antibody, line) AS antibody, arg_min("at", line) AS other_line
    FROM antibody
    WHERE result = 'positive' AND antibody NOT IN ('Ro52', 'PM-Scl', 'U1RNP', 'Ku')
    GROUP BY patient_id
) AS first_found USING (patient_id)
WHERE row.result = 'positive' AND row.antibody NOT IN ('Ro52', 'PM-Scl', 'U1RNP', 'Ku')
