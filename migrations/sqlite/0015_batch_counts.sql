-- What a run's progress is summed from. Whoever watches a run asks after every batch; in the table the counts of a batch stand behind its
-- payload, page for page of which is passed over on the way to them.
CREATE INDEX sync_batches_counts ON sync_batches (run_id, state, members, created, updated, rejoined, unchanged, deferred);
