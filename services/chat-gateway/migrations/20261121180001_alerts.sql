-- The room where alerts are told, and who tells them. No password has this hash: nobody signs in as it.
insert into rooms (name) values ('ops') on conflict do nothing;
insert into users (id, email, name, password_hash)
values ('00000000-0000-7000-8000-0000000a1e27', 'alertmanager@glasshouse.invalid', 'Alertmanager', '!');
-- Should somebody have a private room of that name already, it is told there.
insert into members (room_id, user_id) select id, '00000000-0000-7000-8000-0000000a1e27' from rooms where name = 'ops';
