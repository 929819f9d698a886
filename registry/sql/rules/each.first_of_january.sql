-- each: $date | onset_date | diagnosis_date
-- id: patient.${date}_first_of_january
-- severity: query
-- kind: plausibility
-- whole: yes
-- message: {first} of {dates} values of ${date} ({percent} %) are a first of January.
-- meaning: More than half of at least 20 values of ${date} are a first of January.
-- advice: If only the year is known, leave an onset_date empty; for a diagnosis_date find the day.
-- source: choice: half of at least 20 dates
SELECT
    count(*) FILTER (first) > 0.5 * count(*) AS wrong, count(*) AS dates, count(*) FILTER (first) AS first,
    round(100 * (count(*) FILTER (first)) / count(*), 1) AS percent
FROM (SELECT day(${date}) = 1 AND month(${date}) = 1 AS first FROM patient WHERE ${date} IS NOT NULL)
HAVING count(*) >= 20
