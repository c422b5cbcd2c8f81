-- Several reminders for a task, each known by its own id. What is known of the
-- tasks themselves moves to a table of its own.
CREATE TABLE known_tasks (
    task_id      uuid PRIMARY KEY,
    -- The newest version seen: an event of an older one (redriven, say) is ignored.
    task_version bigint NOT NULL,
    updated_at   timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX known_tasks_updated_at ON known_tasks (updated_at);
INSERT INTO known_tasks SELECT task_id, task_version, updated_at FROM reminders;

-- The one reminder that a task had is known by the task's id, as in its events.
ALTER TABLE reminders ADD COLUMN id uuid, ADD COLUMN time_zone text;
DELETE FROM reminders WHERE remind_at IS NULL;
UPDATE reminders SET id = task_id;
ALTER TABLE reminders
    DROP CONSTRAINT reminders_pkey,
    DROP COLUMN task_version,
    DROP CONSTRAINT reminders_status_check,
    ADD PRIMARY KEY (id),
    ALTER COLUMN remind_at SET NOT NULL,
    ADD CHECK (status IN ('scheduled', 'fired', 'cancelled', 'failed'));
CREATE INDEX reminders_by_task ON reminders (task_id);

-- The scheduler's clock is this one, for all workers: theirs may differ from it
-- and from each other, and may jump. A function, so that tests can set it.
CREATE FUNCTION scheduler_now() RETURNS timestamptz LANGUAGE sql VOLATILE
    AS 'SELECT clock_timestamp()';
