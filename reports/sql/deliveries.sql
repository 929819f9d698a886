-- Everything that the ledger knows, in the order of what was owed.
SELECT report, due_date, recipient, data_cut, state, detail, snapshot, sha256, attempts, recorded_at
FROM delivery
ORDER BY due_date, report, recipient
