-- Rooms, who belongs to them, and what was said.
create table rooms (
    id uuid primary key default gen_random_uuid(),
    name text not null,
    private boolean not null default false,
    created_by uuid references users (id) on delete set null,
    created_at timestamptz not null default now(),
    constraint rooms_name_key unique (name),
    constraint rooms_name_form check (name ~ '^[a-z0-9][a-z0-9_-]{0,63}$')
);
create index rooms_created_by_idx on rooms (created_by);

create table members (
    room_id uuid not null references rooms (id) on delete cascade,
    user_id uuid not null references users (id) on delete cascade,
    joined_at timestamptz not null default now(),
    primary key (room_id, user_id)
);
create index members_user_id_idx on members (user_id);

create table messages (
    id uuid primary key,
    room_id uuid not null references rooms (id) on delete cascade,
    user_id uuid not null references users (id) on delete cascade,
    -- The sender's own id for it: sending the same message twice stores it once.
    client_id text,
    text text not null,
    traceparent text,
    sent_at timestamptz not null default clock_timestamp(),
    constraint messages_text_length check (length(text) between 1 and 4000),
    constraint messages_client_id_length check (length(client_id) between 1 and 64),
    constraint messages_client_id_key unique (user_id, client_id)
);
create index messages_history_idx on messages (room_id, sent_at desc, id desc);

insert into rooms (name) values ('general');
