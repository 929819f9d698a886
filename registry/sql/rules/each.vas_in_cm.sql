-- each: $vas | phga | ptga | exga
-- id: visit.${vas}_in_cm
-- severity: query
-- kind: conformance
-- whole: yes
-- message: None of the {visits} values of ${vas}, declared in mm, is above 10; the highest is {highest}.
-- meaning: All of at least 10 values of ${vas} that are declared in mm are at most 10.
-- advice: If they are in cm, remove "visit.${vas}" from [units] in manifest.toml; else confirm.
-- source: choice: at least 10 values
SELECT max(${vas}_raw) <= 10 AS wrong, count(*) AS visits, max(${vas}_raw) AS highest
FROM visit
WHERE ${vas}_raw_unit = 'mm'
HAVING count(*) >= 10
