-- each: $table | visit | infusion | lab
-- id: ${table}.first_of_month
-- severity: query
-- kind: plausibility
-- whole: yes
-- message: {first} of {dates} dates ({percent} %) are the first of a month.
-- meaning: More than half of at least 20 dates are the first of a month.
-- advice: If the day was not known, say so to the registry: dates with a made-up day move every time to event.
-- source: choice: half of at least 20 dates
SELECT
    count(*) FILTER (day(date) = 1) > 0.5 * count(*) AS wrong, count(*) AS dates,
    count(*) FILTER (day(date) = 1) AS first, round(100 * (count(*) FILTER (day(date) = 1)) / count(*), 1) AS percent
FROM ${table}
WHERE date IS NOT NULL
HAVING count(*) >= 20
