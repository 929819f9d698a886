-- The newest state of a delivery replaces the one before; attempts are counted.
INSERT INTO delivery
VALUES ($report, $due_date, $recipient, $data_cut, $state, $detail, $snapshot, $sha256, 1, $recorded_at)
ON CONFLICT (report, due_date, recipient) DO UPDATE SET
    state = excluded.state,
    detail = excluded.detail,
    snapshot = excluded.snapshot,
    sha256 = excluded.sha256,
    attempts = delivery.attempts + 1,
    recorded_at = excluded.recorded_at
