-- What the registry keeps beside the eight tables of the contract: who sent what, and what came of each row.
-- No id of a centre stands in it in clear: patient_id and link_key are keyed pseudonyms in every table.
CREATE TABLE IF NOT EXISTS about (
    name VARCHAR PRIMARY KEY,           -- layout, keys
    value VARCHAR NOT NULL
);

CREATE TABLE IF NOT EXISTS submission (
    submission_id VARCHAR PRIMARY KEY,  -- '<centre>-<date>-<sequence>'
    centre VARCHAR NOT NULL,
    date DATE NOT NULL,                 -- the state of the cohort on this date
    sequence INTEGER NOT NULL,          -- 1 for the first submission of a centre and date, then 2, 3, ...
    sha256 VARCHAR NOT NULL,            -- of all files' names and bytes, as they arrived
    contract VARCHAR NOT NULL,
    sender VARCHAR,
    received_at TIMESTAMP NOT NULL,     -- UTC; never part of a snapshot
    accepted BIGINT NOT NULL,           -- rows of all tables
    quarantined BIGINT NOT NULL,
    queries BIGINT NOT NULL,
    kind VARCHAR NOT NULL DEFAULT 'cumulative',  -- or 'delta': merged with its base before it was checked
    replaces VARCHAR,                   -- the submission of this centre that was in force before
    left_out BIGINT NOT NULL DEFAULT 0, -- rows of persons who have withdrawn their consent
    archived BOOLEAN NOT NULL DEFAULT false,
    UNIQUE (centre, date, sequence)
);

-- One row a row that was not taken in; what stood in it is in the archive.
CREATE TABLE IF NOT EXISTS quarantine (
    submission_id VARCHAR NOT NULL,
    table_name VARCHAR NOT NULL,
    file VARCHAR NOT NULL,
    line BIGINT NOT NULL,
    rules VARCHAR NOT NULL,             -- every rule that the row broke, in alphabetical order, separated by a comma
    patient_id VARCHAR                  -- pseudonym; null where the row names nobody
);

-- One row a question to the centre about a row (or, without a line, a file) that was taken in.
CREATE TABLE IF NOT EXISTS query (
    submission_id VARCHAR NOT NULL,
    file VARCHAR NOT NULL,
    line BIGINT,
    columns VARCHAR NOT NULL,
    "values" VARCHAR NOT NULL,
    rule VARCHAR NOT NULL,
    message VARCHAR NOT NULL,
    advice VARCHAR NOT NULL,
    patient_id VARCHAR                  -- pseudonym; null where the question is about no person
);

-- One row a rule: how many rows of the submission it was put to, and how many broke it.
CREATE TABLE IF NOT EXISTS rule_result (
    submission_id VARCHAR NOT NULL,
    rule VARCHAR NOT NULL,
    table_name VARCHAR,                 -- null for rules about files
    kind VARCHAR NOT NULL,
    severity VARCHAR NOT NULL,
    tested BIGINT NOT NULL,
    failed BIGINT NOT NULL
);

-- One row a table and kind of change: how many rows a submission added, removed and changed. Counts as they came; an
-- erasure does not change them.
CREATE TABLE IF NOT EXISTS submission_change (
    submission_id VARCHAR NOT NULL,
    table_name VARCHAR NOT NULL,
    change VARCHAR NOT NULL,            -- added, removed, changed, unchanged
    rows BIGINT NOT NULL
);

-- What was done to the registry, in order; every entry carries the hash of the one before.
CREATE TABLE IF NOT EXISTS audit (
    entry BIGINT PRIMARY KEY,           -- 1, 2, 3, ...
    recorded_at TIMESTAMP NOT NULL,     -- UTC, never before the entry before
    actor VARCHAR NOT NULL,
    action VARCHAR NOT NULL,
    subject VARCHAR NOT NULL,
    details VARCHAR NOT NULL,           -- JSON
    previous VARCHAR NOT NULL,
    hash VARCHAR NOT NULL
);
