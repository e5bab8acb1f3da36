#!/bin/bash
# What the scripts beside this file share; not to be run by itself.
#
# Jars go to libs/ beside this file, data to run/; both are ignored by git. Settings from the environment:
# WEIR_LOCAL_RUN (a folder instead of run/), KAFKA_HEAP (JVM options), KAFKA_GC (JVM options), KAFKA_EXTRA (lines to
# add to the broker's properties).
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
RUN=${WEIR_LOCAL_RUN:-$HERE/run}
LIBS=$HERE/libs/kafka
LOG4J=-Dlog4j2.configurationFile=file:$HERE/config/log4j2.properties
CLUSTER_ID=MkU3OEVBNTcwNTJENDM2Qg
WAIT_SECONDS=120

die() { echo "$*" >&2; exit 1; }

# fetch_kafka: Kafka's jars, once.
fetch_kafka() { fetch_jars Kafka "about 55 MB" "$HERE/kafka-pom.xml" "$LIBS"; }

# fetch_jars WHAT SIZE POM DIR ARGS...: what the POM names, once. A half-done download is done again.
fetch_jars() {
  local what=$1 size=$2 pom=$3 dir=$4 stamp=$4/.complete
  shift 4
  if [ -f "$stamp" ] && [ "$stamp" -nt "$pom" ]; then return 0; fi
  command -v java >/dev/null || die "cannot run $what: java is missing; install a JRE, version 17 or later"
  command -v mvn >/dev/null || die "cannot fetch $what: mvn is missing; install Maven"
  echo "fetching $what from Maven Central ($size, once) ..."
  rm -rf "$dir"; mkdir -p "$dir"
  mvn -B -q -f "$pom" dependency:copy-dependencies -DoutputDirectory="$dir" -DincludeScope=runtime "$@" \
    || die "cannot fetch $what: mvn failed; see its lines above"
  touch "$stamp"
}

# pid_of DIR [NAME=kafka]: the process id of the broker (or what NAME says) that runs in DIR, or nothing. A stale pid
# file counts as nothing.
pid_of() {
  local pid name=${2:-kafka}
  pid=$(cat "$1/$name.pid" 2>/dev/null) || return 0
  if grep -aqF "$1/$name.properties" "/proc/$pid/cmdline" 2>/dev/null; then echo "$pid"; fi
}

# port_free PORT [WHAT=Kafka]: fails with a clear line if something listens there.
port_free() {
  if (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; then
    die "cannot start ${2:-Kafka}: port $1 on 127.0.0.1 is taken; give another one"
  fi
}

# write_config DIR NODE PORT CPORT QUORUM REPLICAS INSYNC
write_config() {
  mkdir -p "$1"
  sed -e "s|@DATA@|$1|g; s|@NODE@|$2|g; s|@PORT@|$3|g; s|@CPORT@|$4|g; s|@QUORUM@|$5|g; s|@REPLICAS@|$6|g" \
    -e "s|@INSYNC@|$7|g" "$HERE/config/kafka.properties.in" >"$1/kafka.properties"
  if [ -n "${KAFKA_EXTRA:-}" ]; then printf '%s\n' "$KAFKA_EXTRA" >>"$1/kafka.properties"; fi
}

# format_storage DIR ARGS...: once for each data folder.
format_storage() {
  local dir=$1; shift
  if [ -f "$dir/log/meta.properties" ]; then return 0; fi
  java -Xmx128m -XX:TieredStopAtLevel=1 -XX:+UseSerialGC "$LOG4J" -cp "$LIBS/*" kafka.tools.StorageTool format \
    --cluster-id "$CLUSTER_ID" -c "$dir/kafka.properties" "$@" >"$dir/format.log" 2>&1 \
    || { cat "$dir/format.log" >&2; die "cannot format $dir/log"; }
}

# launch DIR: starts the broker and returns at once.
launch() {
  # shellcheck disable=SC2086 # the options are words
  setsid nohup java ${KAFKA_HEAP:--Xms256m -Xmx512m} ${KAFKA_GC:--XX:+UseG1GC -XX:MaxGCPauseMillis=20} \
    -Djava.awt.headless=true "$LOG4J" -cp "$LIBS/*" kafka.Kafka "$1/kafka.properties" \
    >"$1/server.log" 2>&1 </dev/null &
  echo $! >"$1/kafka.pid"
}

# await_ready DIR: until the broker answers, with a line now and then.
await_ready() {
  local tenths
  for tenths in $(seq 1 $((WAIT_SECONDS * 10))); do
    if grep -q 'Kafka Server started' "$1/server.log" 2>/dev/null; then return 0; fi
    if ! kill -0 "$(cat "$1/kafka.pid")" 2>/dev/null; then
      tail -30 "$1/server.log" >&2
      rm -f "$1/kafka.pid"
      die "the broker in $1 died; its last lines are above"
    fi
    if [ $((tenths % 100)) = 0 ]; then echo "waiting for the broker in $1, $((tenths / 10)) s ..."; fi
    sleep 0.1
  done
  die "the broker in $1 is not ready after $WAIT_SECONDS s; see $1/server.log"
}

# stop_broker DIR SIGNAL [NAME=kafka]: SIGTERM gets 30 s, then SIGKILL.
stop_broker() {
  local pid i name=${3:-kafka}
  pid=$(pid_of "$1" "$name")
  if [ -n "$pid" ]; then
    kill "-$2" "$pid" 2>/dev/null || true
    for i in $(seq 1 300); do
      kill -0 "$pid" 2>/dev/null || break
      sleep 0.1
    done
    kill -9 "$pid" 2>/dev/null || true
  fi
  rm -f "$1/$name.pid"
}
