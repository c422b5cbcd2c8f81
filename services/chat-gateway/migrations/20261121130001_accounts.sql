-- Accounts, sign-in sessions and their rotating refresh tokens.
create table users (
    id uuid primary key,
    email text not null,
    name text not null,
    role text not null default 'user',
    password_hash text not null,
    created_at timestamptz not null default now(),
    constraint users_email_key unique (email),
    constraint users_email_lower check (email = lower(email) and length(email) <= 254),
    constraint users_name_length check (length(name) between 1 and 80),
    constraint users_role_known check (role in ('user', 'admin'))
);

-- One session is one family of refresh tokens: revoked as a whole.
create table sessions (
    id uuid primary key,
    user_id uuid not null references users (id) on delete cascade,
    created_at timestamptz not null default now(),
    expires_at timestamptz not null,
    revoked_at timestamptz,
    revoked_because text,
    constraint sessions_revoked_because_known check (revoked_because in ('logout', 'reuse'))
);
create index sessions_user_id_idx on sessions (user_id);
create index sessions_expires_at_idx on sessions (expires_at);

-- Only the digest is kept: a stolen table signs nobody in.
create table refresh_tokens (
    digest bytea primary key,
    session_id uuid not null references sessions (id) on delete cascade,
    issued_at timestamptz not null default now(),
    rotated_at timestamptz,
    constraint refresh_tokens_digest_is_sha256 check (octet_length(digest) = 32)
);
create index refresh_tokens_session_id_idx on refresh_tokens (session_id);
