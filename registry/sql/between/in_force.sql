-- The state of every centre: its latest submission; of the centre that is asked, the submission itself.
SELECT centre, submission_id
FROM submission
WHERE centre <> $centre
QUALIFY row_number() OVER (PARTITION BY centre ORDER BY date DESC, sequence DESC) = 1
UNION ALL
SELECT centre, submission_id
FROM submission
WHERE submission_id = $submission_id
