-- Which windows of time were seen to by whom works by the clock, so that each is seen to once by all workers together.
CREATE TABLE scheduled_runs (
    task         text NOT NULL,
    window_at    timestamptz NOT NULL,
    heartbeat_at timestamptz NOT NULL,
    finished_at  timestamptz,
    PRIMARY KEY (task, window_at)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON scheduled_runs TO personalization_worker;
