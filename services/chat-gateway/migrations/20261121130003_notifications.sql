-- Notifications of a user: pushed live, kept until seen.
create table notifications (
    id uuid primary key,
    user_id uuid not null,
    kind text not null,
    task_id uuid,
    title text not null,
    remind_at timestamptz,
    fired_at timestamptz not null,
    -- The trace that led to it, so that a later push still belongs to it.
    traceparent text,
    created_at timestamptz not null default now(),
    delivered_at timestamptz,
    read_at timestamptz
);
create index notifications_user_id_idx on notifications (user_id, created_at desc, id desc);
create index notifications_undelivered_idx on notifications (user_id, created_at) where delivered_at is null;
