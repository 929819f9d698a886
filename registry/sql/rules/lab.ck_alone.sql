-- id: lab.ck_alone
-- severity: query
-- kind: plausibility
-- columns: value, uln, date
-- message: Creatine kinase is {times} times its upper limit of normal, with normal LDH and AST on the same day.
-- meaning: Creatine kinase is above 5 times its upper limit of normal, with normal LDH and AST on the same day.
-- advice: Confirm value, unit and upper limit of the three; muscle damage raises all of them.
-- source: limits of this project
SELECT line, value > 5 * uln AS wrong, round(value / uln, 1) AS times
FROM lab AS row
SEMI JOIN (
    SELECT patient_id, date
    FROM lab
    WHERE analyte IN ('LDH', 'AST') AND uln > 0 AND value <= uln
    GROUP BY patient_id, date
    HAVING count(DISTINCT analyte) = 2
) AS normal USING (patient_id, date)
WHERE row.analyte = 'CK' AND uln > 0 AND value > 0
