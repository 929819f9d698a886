-- id: visit.mmt8_of_one_side
-- severity: query
-- kind: plausibility
-- whole: yes
-- message: None of the {visits} MMT8 values with the maximum 150 is above 80; the highest is {highest}.
-- meaning: All of at least 10 MMT8 values with the maximum 150 are at most 80.
-- advice: If only the dominant side was tested, write 80 in mmt_maximum; else confirm.
-- source: limits of this project
SELECT max(mmt8) <= 80 AS wrong, count(*) AS visits, max(mmt8) AS highest
FROM visit
WHERE mmt_maximum = 150 AND mmt8 IS NOT NULL
HAVING count(*) >= 10
