#!/bin/bash
# kafka.sh start|stop|kill|restart|status [PORT=9092] [DIR=run/kafka-PORT]
# One Apache Kafka node on the loopback, for tests and benchmarks; its controller takes PORT+1.
#   start    fetches Kafka if need be, and returns when the broker answers; does nothing if it runs
#   stop     ends it cleanly; the data stays
#   kill     ends it as a crash would (kill -9)
#   restart  stop and start
# kafka.sh tool CLASS ARGS...   runs one of Kafka's tools, for instance
#   kafka.sh tool org.apache.kafka.tools.TopicCommand --bootstrap-server 127.0.0.1:9092 --list
set -euo pipefail
# shellcheck source=deploy/local/kafka-lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/kafka-lib.sh"

usage() { sed -n '2,9s/^# //p' "${BASH_SOURCE[0]}" >&2; exit 2; }

COMMAND=${1:-}
[ -n "$COMMAND" ] || usage
shift
if [ "$COMMAND" = tool ]; then
  [ $# -gt 0 ] || usage
  fetch_kafka
  exec java -Xmx256m -XX:TieredStopAtLevel=1 -XX:+UseSerialGC "$LOG4J" -cp "$LIBS/*" "$@"
fi
case $COMMAND in start | stop | kill | restart | status) ;; *) usage ;; esac
PORT=${1:-9092}
case $PORT in *[!0-9]*) usage ;; esac
DIR=${2:-$RUN/kafka-$PORT}
mkdir -p "$DIR"
DIR=$(cd "$DIR" && pwd)

start() {
  local pid
  pid=$(pid_of "$DIR")
  if [ -n "$pid" ]; then
    await_ready "$DIR"
    echo "already running: 127.0.0.1:$PORT, pid $pid"
    return 0
  fi
  fetch_kafka
  port_free "$PORT"
  port_free $((PORT + 1))
  write_config "$DIR" 1 "$PORT" $((PORT + 1)) "127.0.0.1:$((PORT + 1))" 1 1
  format_storage "$DIR" --standalone
  launch "$DIR"
  await_ready "$DIR"
  echo "ready: 127.0.0.1:$PORT, pid $(cat "$DIR/kafka.pid"), data in $DIR"
}

case $COMMAND in
start) start ;;
stop) stop_broker "$DIR" TERM; echo "stopped" ;;
kill) stop_broker "$DIR" KILL; echo "killed" ;;
restart) stop_broker "$DIR" TERM; start ;;
status)
  pid=$(pid_of "$DIR")
  [ -n "$pid" ] || { echo "not running"; exit 1; }
  echo "running: 127.0.0.1:$PORT, pid $pid" ;;
esac
