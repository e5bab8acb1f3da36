#!/bin/bash
# kafka-cluster.sh start|stop|status [BASEPORT=19192] [DIR=run/cluster-BASEPORT]
# kafka-cluster.sh kill|term|restart NODE [BASEPORT] [DIR]
# Three Apache Kafka nodes on the loopback, each broker and controller: replication 3, two of them in sync.
# Node N (1 to 3) listens on BASEPORT+10*(N-1), its controller one above. kill is kill -9; term a clean stop of one
# node. Failures are seen after 1.5 to 3 s instead of Kafka's 9 s.
set -euo pipefail
# shellcheck source=deploy/local/kafka-lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/kafka-lib.sh"

usage() { sed -n '2,6s/^# //p' "${BASH_SOURCE[0]}" >&2; exit 2; }

COMMAND=${1:-}
NODE=
case $COMMAND in
start | stop | status) shift ;;
kill | term | restart)
  NODE=${2:-}
  case $NODE in [123]) shift 2 ;; *) usage ;; esac ;;
*) usage ;;
esac
BASE=${1:-19192}
case $BASE in *[!0-9]*) usage ;; esac
DIR=${2:-$RUN/cluster-$BASE}
mkdir -p "$DIR"
DIR=$(cd "$DIR" && pwd)
: "${KAFKA_HEAP:=-Xms128m -Xmx384m}"
KAFKA_EXTRA="broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
controller.quorum.fetch.timeout.ms=1500
controller.quorum.election.timeout.ms=700
controller.quorum.election.backoff.max.ms=500
${KAFKA_EXTRA:-}"

port() { echo $((BASE + 10 * ($1 - 1))); }
controller() { echo "127.0.0.1:$(($(port "$1") + 1))"; }
folder_id() { echo "AAAAAAAAAAAAAAAAAAAA${1}A"; } # a UUID in base64url, one for each node

prepare() {
  local n=$1
  write_config "$DIR/n$n" "$n" "$(port "$n")" $(($(port "$n") + 1)) \
    "$(controller 1),$(controller 2),$(controller 3)" 3 2
  format_storage "$DIR/n$n" --initial-controllers \
    "1@$(controller 1):$(folder_id 1),2@$(controller 2):$(folder_id 2),3@$(controller 3):$(folder_id 3)"
}

start_all() {
  local n
  fetch_kafka
  for n in 1 2 3; do
    if [ -n "$(pid_of "$DIR/n$n")" ]; then continue; fi
    port_free "$(port $n)"
    port_free $(($(port $n) + 1))
    prepare $n
    launch "$DIR/n$n"
  done
  for n in 1 2 3; do await_ready "$DIR/n$n"; done
  echo "ready: 127.0.0.1:$(port 1),127.0.0.1:$(port 2),127.0.0.1:$(port 3)"
}

case $COMMAND in
start) start_all ;;
restart)
  stop_broker "$DIR/n$NODE" TERM
  fetch_kafka
  prepare "$NODE"
  launch "$DIR/n$NODE"
  await_ready "$DIR/n$NODE"
  echo "node $NODE is up" ;;
kill) stop_broker "$DIR/n$NODE" KILL; echo "node $NODE killed" ;;
term) stop_broker "$DIR/n$NODE" TERM; echo "node $NODE stopped" ;;
status)
  for n in 1 2 3; do
    pid=$(pid_of "$DIR/n$n")
    if [ -n "$pid" ]; then echo "node $n: 127.0.0.1:$(port $n), pid $pid"; else echo "node $n: down"; fi
  done ;;
stop)
  # Together: the last of a quorum can't stop cleanly alone.
  for n in 1 2 3; do
    pid=$(pid_of "$DIR/n$n")
    if [ -n "$pid" ]; then kill "$pid" 2>/dev/null || true; fi
  done
  for n in 1 2 3; do stop_broker "$DIR/n$n" TERM; done
  echo "stopped" ;;
esac
