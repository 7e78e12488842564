-- What the overview and the page of workers show. Only widens what is there.

-- Jobs of the process as of its last heartbeat: in hand just then, and since its start done and failed.
ALTER TABLE processes ADD COLUMN jobs_in_hand bigint NOT NULL DEFAULT 0;
ALTER TABLE processes ADD COLUMN jobs_done bigint NOT NULL DEFAULT 0;
ALTER TABLE processes ADD COLUMN jobs_failed bigint NOT NULL DEFAULT 0;

-- How many members came (made or returned) and went, by the day (its midnight, UTC) on which a run that said so ended. The first row is
-- that of the first full list, which counts nobody: who it names had been there before. Kept when runs and events are not any more.
CREATE TABLE daily_counts (
    day      timestamptz PRIMARY KEY,
    joined   bigint NOT NULL,
    departed bigint NOT NULL
);
