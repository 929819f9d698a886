-- Every id of layout 1 with its centre: from the tables, and from rows in quarantine.
SELECT DISTINCT centre, patient_id
FROM (
    SELECT submission_id, patient_id FROM patient_1
    UNION ALL SELECT submission_id, patient_id FROM antibody_1
    UNION ALL SELECT submission_id, patient_id FROM course_1
    UNION ALL SELECT submission_id, patient_id FROM infusion_1
    UNION ALL SELECT submission_id, patient_id FROM visit_1
    UNION ALL SELECT submission_id, patient_id FROM lab_1
    UNION ALL SELECT submission_id, patient_id FROM event_1
    UNION ALL SELECT submission_id, patient_id FROM follow_up_1
    UNION ALL SELECT submission_id, json_extract_string(content, '$.patient_id') FROM quarantine_1
)
JOIN submission_1 USING (submission_id)
WHERE patient_id IS NOT NULL
ORDER BY ALL
