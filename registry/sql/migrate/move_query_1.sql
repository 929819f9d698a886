INSERT INTO query BY NAME
SELECT * REPLACE (if(contains(columns, 'patient_id'), '', "values") AS "values")
FROM query_1
ORDER BY ALL
