#!/bin/bash
# connect.sh start|stop|kill|restart|status [PORT=8083] [KAFKA_PORT=9092] [DIR=run/connect-PORT]
# One Kafka Connect worker on the loopback with Debezium's connector for PostgreSQL; Kafka runs already (kafka.sh).
#   start    fetches Kafka and Debezium if need be, and returns when the worker answers; does nothing if it runs
#   stop     ends it cleanly; its connectors are kept in Kafka
#   kill     ends it as a crash would (kill -9)
#   restart  stop and start
# connect.sh add PORT NAME FILE [KEY=VALUE ...]   makes or changes a connector with the properties in FILE, and those
#   given here, which win; returns when it runs, and prints its fault if it fails
# connect.sh remove PORT NAME                     ends a connector and forgets how far it had read
# Settings from the environment: CONNECT_HEAP (JVM options), CONNECT_EXTRA (lines to add to the worker's properties).
set -euo pipefail
# shellcheck source=deploy/local/kafka-lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/kafka-lib.sh"

usage() { sed -n '2,11s/^# //p' "${BASH_SOURCE[0]}" >&2; exit 2; }

PLUGINS=$HERE/libs/plugins

# fetch_debezium: the connector without the jars of Kafka, which a plugin must not bring along.
fetch_debezium() {
  fetch_jars Debezium "about 8 MB" "$HERE/debezium-pom.xml" "$PLUGINS/debezium-postgres" \
    -DexcludeGroupIds=org.apache.kafka,org.slf4j,org.xerial.snappy,com.github.luben,org.lz4,at.yawk.lz4,jakarta.ws.rs
}

# rest METHOD PATH [CURL ARGS...]: calls the worker's REST API; on a fault its answer is the error.
rest() {
  local method=$1 path=$2 answer status
  shift 2
  answer=$(curl -sS --max-time 90 -w '\n%{http_code}' -X "$method" "$@" "http://127.0.0.1:$PORT$path") \
    || die "cannot reach Kafka Connect on 127.0.0.1:$PORT; start it by connect.sh start $PORT"
  status=${answer##*$'\n'}
  answer=${answer%$'\n'*}
  case $status in 2??) printf '%s\n' "$answer" ;; *) die "Kafka Connect refuses $method $path: $answer" ;; esac
}

# await_answer: until the worker answers, with a line now and then.
await_answer() {
  local tenths
  for tenths in $(seq 1 $((WAIT_SECONDS * 10))); do
    if curl -fsS --max-time 5 "http://127.0.0.1:$PORT/connectors" >/dev/null 2>&1; then return 0; fi
    if ! kill -0 "$(cat "$DIR/connect.pid")" 2>/dev/null; then
      tail -30 "$DIR/worker.log" >&2
      rm -f "$DIR/connect.pid"
      die "Kafka Connect died; its last lines are above"
    fi
    if [ $((tenths % 100)) = 0 ]; then echo "waiting for Kafka Connect on port $PORT, $((tenths / 10)) s ..."; fi
    sleep 0.1
  done
  die "Kafka Connect is not ready after $WAIT_SECONDS s; see $DIR/worker.log"
}

start() {
  local pid
  pid=$(pid_of "$DIR" connect)
  if [ -n "$pid" ]; then
    await_answer
    echo "already running: http://127.0.0.1:$PORT, pid $pid"
    return 0
  fi
  command -v curl >/dev/null || die "cannot start Kafka Connect: curl is missing; apt-get install curl"
  fetch_kafka
  fetch_debezium
  port_free "$PORT" "Kafka Connect"
  (exec 3<>"/dev/tcp/127.0.0.1/$KAFKA") 2>/dev/null \
    || die "cannot start Kafka Connect: no Kafka on 127.0.0.1:$KAFKA; start one by kafka.sh start $KAFKA"
  sed -e "s|@KAFKA@|$KAFKA|g; s|@PORT@|$PORT|g; s|@PLUGINS@|$PLUGINS|g" "$HERE/config/connect.properties.in" \
    >"$DIR/connect.properties"
  if [ -n "${CONNECT_EXTRA:-}" ]; then printf '%s\n' "$CONNECT_EXTRA" >>"$DIR/connect.properties"; fi
  # shellcheck disable=SC2086 # the options are words
  setsid nohup java ${CONNECT_HEAP:--Xms128m -Xmx512m} -Djava.awt.headless=true "$LOG4J" -cp "$LIBS/*" \
    org.apache.kafka.connect.cli.ConnectDistributed "$DIR/connect.properties" >>"$DIR/worker.log" 2>&1 </dev/null &
  echo $! >"$DIR/connect.pid"
  await_answer
  echo "ready: http://127.0.0.1:$PORT, pid $(cat "$DIR/connect.pid"), log in $DIR/worker.log"
}

# as_json: properties from stdin as one JSON object; what comes later wins.
as_json() {
  awk '
    function quoted(s) { gsub(/\\/, "\\\\", s); gsub(/"/, "\\\"", s); return "\"" s "\"" }
    /^[[:space:]]*(#|$)/ { next }
    {
      at = index($0, "=")
      if (at < 2) { print "not KEY=VALUE: " $0 >"/dev/stderr"; exit 1 }
      value[substr($0, 1, at - 1)] = substr($0, at + 1)
    }
    END { printf "{"; for (k in value) { printf "%s%s:%s", sep, quoted(k), quoted(value[k]); sep = "," }; print "}" }'
}

# add NAME FILE [KEY=VALUE ...]
add() {
  local name=$1 file=$2 config state tenths
  shift 2
  [ -r "$file" ] || die "cannot read $file"
  config=$( { cat "$file"; echo; [ $# = 0 ] || printf '%s\n' "$@"; } | as_json) || die "cannot use $file"
  rest PUT "/connectors/$name/config" -H 'Content-Type: application/json' --data-binary "$config" >/dev/null
  for tenths in $(seq 1 $((WAIT_SECONDS * 10))); do
    # Until the worker has taken the connector up there is no status: 404.
    state=$(curl -sS --max-time 30 "http://127.0.0.1:$PORT/connectors/$name/status" || true)
    case $state in
    *'"state":"FAILED"'*) printf '%b\n' "$state" >&2; die "the connector $name fails; the reason is above" ;;
    *'"tasks":[{'*'"state":"RUNNING"'*) echo "connector $name runs"; return 0 ;;
    esac
    if [ $((tenths % 100)) = 0 ]; then echo "waiting for the connector $name, $((tenths / 10)) s ..."; fi
    sleep 0.1
  done
  die "the connector $name does not run after $WAIT_SECONDS s: $state"
}

# remove NAME
remove() {
  local i state=
  rest PUT "/connectors/$1/stop" >/dev/null
  for i in $(seq 1 $((WAIT_SECONDS * 2))); do
    state=$(rest GET "/connectors/$1/status")
    case $state in *'"state":"STOPPED"'*'"tasks":[]'*) break ;; esac
    if [ $((i % 20)) = 0 ]; then echo "waiting for the connector $1 to stop, $((i / 2)) s ..."; fi
    sleep 0.5
  done
  rest DELETE "/connectors/$1/offsets" >/dev/null
  rest DELETE "/connectors/$1" >/dev/null
  echo "connector $1 removed; its slot and publication stay in the database"
}

COMMAND=${1:-}
[ -n "$COMMAND" ] || usage
shift
PORT=${1:-8083}
case $PORT in *[!0-9]*) usage ;; esac
case $COMMAND in
add) [ $# -ge 3 ] || usage; shift; add "$@"; exit ;;
remove) [ $# = 2 ] || usage; remove "$2"; exit ;;
start | stop | kill | restart | status) ;;
*) usage ;;
esac
KAFKA=${2:-9092}
case $KAFKA in *[!0-9]*) usage ;; esac
DIR=${3:-$RUN/connect-$PORT}
mkdir -p "$DIR"
DIR=$(cd "$DIR" && pwd)

case $COMMAND in
start) start ;;
stop) stop_broker "$DIR" TERM connect; echo "stopped" ;;
kill) stop_broker "$DIR" KILL connect; echo "killed" ;;
restart) stop_broker "$DIR" TERM connect; start ;;
status)
  pid=$(pid_of "$DIR" connect)
  [ -n "$pid" ] || { echo "not running"; exit 1; }
  echo "running: http://127.0.0.1:$PORT, pid $pid" ;;
esac
