SELECT
    $name AS cdm_source_name,
    'myoregistry' AS cdm_source_abbreviation,
    $name AS cdm_holder,
    'Snapshot ' || $snapshot || ' of a registry of refractory myositis' AS source_description,
    'README.md' AS source_documentation_reference,
    'myoregistry ' || $version AS cdm_etl_reference,
    CAST($cut AS DATE) AS source_release_date,
    CAST($cut AS DATE) AS cdm_release_date,
    '5.4' AS cdm_version,
    0 AS cdm_version_concept_id,
    'none' AS vocabulary_version
