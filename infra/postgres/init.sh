#!/bin/sh
# Run once, by the image, when the server is new: a database and a role for each service, which can reach no other, and
# a role for the exporter, which can read statistics. Passwords come from files that the container `secrets` wrote.
set -eu

run() { psql -v ON_ERROR_STOP=1 --no-psqlrc --quiet --username "$POSTGRES_USER" --dbname postgres "$@"; }

for name in todo chat worker; do
  # Read by psql and quoted by it: the password is in no command line.
  run -v name="$name" <<SQL
\set password \`cat /secrets/$name\`
CREATE ROLE :"name" LOGIN PASSWORD :'password';
CREATE DATABASE :"name" OWNER :"name";
REVOKE CONNECT, TEMPORARY ON DATABASE :"name" FROM PUBLIC;
SQL
done

run <<'SQL'
\set password `cat /secrets/exporter`
CREATE ROLE exporter LOGIN PASSWORD :'password';
GRANT pg_monitor TO exporter;
REVOKE CONNECT ON DATABASE template1 FROM PUBLIC;
SQL
