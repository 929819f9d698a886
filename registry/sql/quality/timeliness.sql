-- When each centre sent, by the data cut: its last submission, how old that is, and how old the news in it was.
-- Submissions of one date (a correction sent again) count as one in the time between submissions.
WITH
sent AS (
    SELECT centre, date, date - lag(date) OVER (PARTITION BY centre ORDER BY date) AS days
    FROM (SELECT DISTINCT centre, date FROM submission_past)
),

between_submissions AS (
    SELECT centre, median(days) AS days_between
    FROM sent
    GROUP BY centre
),

visited AS (
    SELECT submission.centre, max(visit.date) AS last_visit_date
    FROM submission
    INNER JOIN visit ON submission.centre = visit.centre AND visit.date <= submission.date
    GROUP BY submission.centre
)

SELECT
    submission.centre,
    submission.date AS submission_date,
    CAST(data_cut.cut - submission.date AS DOUBLE) AS days_old,
    CAST(submission.date - visited.last_visit_date AS DOUBLE) AS days_from_visit,
    (SELECT count(*) FROM submission_past AS past WHERE past.centre = submission.centre) AS submissions,
    CAST(between_submissions.days_between AS DOUBLE) AS days_between,
    submission.date < CAST(data_cut.cut - to_months(rule.submission_overdue_months) AS DATE) AS overdue
FROM submission
LEFT JOIN between_submissions USING (centre)
LEFT JOIN visited USING (centre)
CROSS JOIN data_cut
CROSS JOIN rule
ORDER BY submission.centre
