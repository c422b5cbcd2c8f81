-- The series that a task belongs to, and its place in it. Only the last task of
-- a series makes the next one; all of it is in that task's row, so that
-- completing it is one transaction over rows of one owner.
ALTER TABLE tasks ADD COLUMN recurrence jsonb;
