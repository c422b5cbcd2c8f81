-- Several reminders for a task, in place of one. They belong to the task's
-- version, so they are part of its row: read and written in one statement.
ALTER TABLE tasks ADD COLUMN reminders jsonb NOT NULL DEFAULT '[]'
    CHECK (jsonb_typeof(reminders) = 'array' AND jsonb_array_length(reminders) <= 10);

-- The one reminder there was had no id of its own; event-worker knows it by the
-- task's.
UPDATE tasks SET reminders = jsonb_build_array(jsonb_build_object(
    'id', id, 'when', jsonb_build_object('at', to_jsonb(remind_at)), 'fires_at', to_jsonb(remind_at),
    'snoozed', false))
WHERE remind_at IS NOT NULL;

ALTER TABLE tasks DROP COLUMN remind_at;
