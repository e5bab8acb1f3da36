#!/bin/bash
# postgres.sh start|stop|restart|status [PORT=15432] [DIR=run/postgres-PORT]
# One PostgreSQL on the loopback with logical decoding, for tests: it does not wait for the disk. User postgres, no
# password.
#   start    makes the cluster if need be, and returns when the server answers; does nothing if it runs
#   stop     ends it; the data stays
# postgres.sh psql PORT [ARGS...]   runs psql as user postgres; stops at the first error
set -euo pipefail
# shellcheck source=deploy/local/kafka-lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/kafka-lib.sh"

# No socket file: its folder may not be writable, or its path too long.
SETTINGS="-c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c wal_level=logical -c shared_buffers=64MB \
  -c fsync=off -c synchronous_commit=off -c full_page_writes=off"

usage() { sed -n '2,7s/^# //p' "${BASH_SOURCE[0]}" >&2; exit 2; }

# find_binaries: where initdb and pg_ctl are. Debian keeps them out of PATH.
find_binaries() {
  BIN=$(find /usr/lib/postgresql/*/bin -name initdb 2>/dev/null | sort -V | tail -1 || true)
  BIN=${BIN:-$(readlink -f "$(command -v initdb)" || true)}
  [ -n "$BIN" ] || die "cannot run PostgreSQL: initdb is missing; apt-get install postgresql"
  BIN=$(dirname "$BIN")
  local program
  for program in pg_ctl pg_isready psql; do
    [ -x "$BIN/$program" ] || die "cannot run PostgreSQL: $BIN/$program is missing; apt-get install postgresql"
  done
  AS=()
  if [ "$(id -u)" = 0 ]; then # the server refuses to run as root
    id postgres >/dev/null 2>&1 || die "cannot run PostgreSQL as root: there is no user postgres to run it as"
    AS=(runuser -u postgres --)
  fi
}

make_cluster() {
  if [ -f "$DIR/PG_VERSION" ]; then return 0; fi
  if [ ${#AS[@]} -gt 0 ]; then
    chown postgres: "$DIR"
    "${AS[@]}" test -x "$DIR" || die "cannot run PostgreSQL: user postgres cannot enter $DIR; \
      give a DIR that it can, or set WEIR_LOCAL_RUN to such a folder"
  fi
  chmod 700 "$DIR"
  "${AS[@]}" "$BIN/initdb" -D "$DIR" -U postgres -A trust -E UTF8 --locale=C.UTF-8 >/dev/null \
    || die "cannot make a cluster in $DIR; the lines above say why"
}

running() { "${AS[@]}" "$BIN/pg_ctl" -D "$DIR" status >/dev/null 2>&1; }

answers() { "$BIN/pg_isready" -q -h 127.0.0.1 -p "$PORT"; }

start() {
  local tenths
  if running && answers; then echo "already running: 127.0.0.1:$PORT"; return 0; fi
  port_free "$PORT" PostgreSQL
  make_cluster
  "${AS[@]}" "$BIN/pg_ctl" -D "$DIR" -l "$DIR/server.log" -o "-p $PORT $SETTINGS" -W start >/dev/null
  for tenths in $(seq 1 $((WAIT_SECONDS * 10))); do
    if answers; then echo "ready: postgres://postgres@127.0.0.1:$PORT/postgres, data in $DIR"; return 0; fi
    if [ "$tenths" -gt 20 ] && ! running; then
      tail -30 "$DIR/server.log" >&2
      die "PostgreSQL died; its last lines are above"
    fi
    if [ $((tenths % 100)) = 0 ]; then echo "waiting for PostgreSQL on port $PORT, $((tenths / 10)) s ..."; fi
    sleep 0.1
  done
  die "PostgreSQL is not ready after $WAIT_SECONDS s; see $DIR/server.log"
}

stop() {
  if running; then "${AS[@]}" "$BIN/pg_ctl" -D "$DIR" -m fast -w -t "$WAIT_SECONDS" stop >/dev/null; fi
}

COMMAND=${1:-}
[ -n "$COMMAND" ] || usage
shift
PORT=${1:-15432}
case $PORT in *[!0-9]*) usage ;; esac
find_binaries
if [ "$COMMAND" = psql ]; then
  [ $# -gt 0 ] && shift
  exec "$BIN/psql" -X -q -v ON_ERROR_STOP=1 -h 127.0.0.1 -p "$PORT" -U postgres "$@"
fi
case $COMMAND in start | stop | restart | status) ;; *) usage ;; esac
DIR=${2:-$RUN/postgres-$PORT}
mkdir -p "$DIR"
DIR=$(cd "$DIR" && pwd)

case $COMMAND in
start) start ;;
stop) stop; echo "stopped" ;;
restart) stop; start ;;
status) if running; then echo "running: 127.0.0.1:$PORT"; else echo "not running"; exit 1; fi ;;
esac
