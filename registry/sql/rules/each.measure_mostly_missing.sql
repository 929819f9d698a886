-- each: $measure | phga | ptga | exga | mmt8 | haq
-- id: visit.${measure}_mostly_missing
-- severity: query
-- kind: completeness
-- whole: yes
-- message: {missing} of {visits} visits ({percent} %) are without ${measure}.
-- meaning: More than half of at least 20 visits are without ${measure}.
-- advice: Send the values if they exist; without all six core set measures no improvement score can be given.
-- source: choice: half of at least 20 visits
SELECT
    count(*) FILTER (${measure} IS NULL) > 0.5 * count(*) AS wrong, count(*) AS visits,
    count(*) FILTER (${measure} IS NULL) AS missing,
    round(100 * (count(*) FILTER (${measure} IS NULL)) / count(*), 1) AS percent
FROM visit
HAVING count(*) >= 20
