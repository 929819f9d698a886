-- Death, with its day and main cause as the centre states them; a cause that is not stated is unknown.
-- needs: follow_up, data_cut

SELECT
    follow_up.person_id,
    follow_up.death_date,
    coalesce(follow_up.death_cause, 'unknown') AS cause,
    follow_up.record
FROM follow_up
CROSS JOIN data_cut
WHERE follow_up.death_date <= data_cut.cut
ORDER BY follow_up.person_id
