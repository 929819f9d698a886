-- id: course.stop_reason_mostly_missing
-- severity: query
-- kind: completeness
-- whole: yes
-- message: {missing} of {courses} stopped courses ({percent} %) are without stop_reason.
-- meaning: More than a fifth of at least 10 stopped courses are without stop_reason.
-- advice: Fill stop_reason: inefficacy and intolerance decide who is refractory.
-- source: choice: a fifth of at least 10 stopped courses
SELECT
    count(*) FILTER (stop_reason IS NULL) > 0.2 * count(*) AS wrong, count(*) AS courses,
    count(*) FILTER (stop_reason IS NULL) AS missing,
    round(100 * (count(*) FILTER (stop_reason IS NULL)) / count(*), 1) AS percent
FROM course
WHERE stop_status = 'stopped'
HAVING count(*) >= 10
