-- id: lab.uln_mostly_missing
-- severity: query
-- kind: completeness
-- whole: yes
-- message: {missing} of {values} values of {analyte} ({percent} %) are without an upper limit of normal.
-- meaning: More than a fifth of at least 20 values of an enzyme are without an upper limit of normal.
-- advice: Fill uln: enzymes are compared between centres as multiples of it and never as they are.
-- source: choice: a fifth of at least 20 values
SELECT
    count(*) FILTER (uln_raw IS NULL) > 0.2 * count(*) AS wrong, analyte, count(*) AS values,
    count(*) FILTER (uln_raw IS NULL) AS missing,
    round(100 * (count(*) FILTER (uln_raw IS NULL)) / count(*), 1) AS percent
FROM lab
WHERE analyte IN ('CK', 'LDH', 'aldolase', 'AST', 'ALT')
GROUP BY analyte
HAVING count(*) >= 20
