#!/bin/sh
# Brings the databases up to date, and sees to the first user.
set -eu
# PostgreSQL may still be starting.
tries=50
until /venv/bin/python manage.py migrate --verbosity=0; do
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || exit 1
    sleep 0.3
done
[ -z "${POSTGRES_HOST-}" ] || /venv/bin/python manage.py migrate --verbosity=0 --database=archive
/venv/bin/python manage.py createsuperuser --noinput 2> /dev/null || true
