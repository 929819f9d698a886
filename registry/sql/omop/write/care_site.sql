SELECT DISTINCT
    site AS care_site_id,
    NULL AS care_site_name,
    0 AS place_of_service_concept_id,
    NULL AS location_id,
    centre AS care_site_source_value,
    NULL AS place_of_service_source_value
FROM who
ORDER BY site
