-- Started IVIG (immunomodulatory) or rituximab after that, naive to both
SELECT person_id, CASE status
    WHEN 'neither agent' THEN 'neither agent started'
    WHEN 'prior exposure' THEN 'IVIG or rituximab before refractory onset'
    WHEN 'both on one day' THEN 'both agents started on one day'
    WHEN 'intent unclear' THEN 'intent of IVIG not clear'
    ELSE status
  END AS reason
FROM time_zero
WHERE status <> 'assigned'
ORDER BY person_id
