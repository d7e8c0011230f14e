#!/bin/bash
# One database and one role per service, made when the cluster is. A service added later: run this again in the
# container (`docker compose exec postgres bash /docker-entrypoint-initdb.d/init.sh`); what exists stays as it is.
set -eu
for service in identity catalog billing provisioning restore; do
    psql -v ON_ERROR_STOP=1 --quiet --no-psqlrc --username "$POSTGRES_USER" --dbname postgres -v service="$service" <<SQL
\getenv password SPACE_${service^^}_DATABASE_PASSWORD
SELECT format('CREATE ROLE %I LOGIN PASSWORD %L', :'service', :'password')
 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'service') \gexec
SELECT format('CREATE DATABASE %I OWNER %I', :'service', :'service')
 WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'service') \gexec
REVOKE ALL ON DATABASE :"service" FROM PUBLIC;
SQL
done
