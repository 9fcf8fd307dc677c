#!/bin/sh
# Written by registry-setup: keeps the registry running on a machine without systemd. `registry-setup uninstall` removes it.
# It does not start with the machine: `registry-setup --yes` starts it again.
# The second word of its command line tells which configuration it was started with.
user=registry-setup
pid=/opt/registry/run/registry.pid
log=/opt/registry/run/registry.log
set -- /usr/bin/registry serve /opt/registry/config/config.yml

OTEL_TRACES_EXPORTER=none
export OTEL_TRACES_EXPORTER
umask 027
if [ -z "$user" ]; then :
elif setpriv --reuid="$user" --regid="$user" --clear-groups true 2>/dev/null; then # busybox has one that cannot
  set -- setpriv --reuid="$user" --regid="$user" --clear-groups --no-new-privs -- "$@"
else
  set -- su -s /bin/sh "$user" -c 'exec "$0" "$@"' -- "$@"
fi

# A process that has just started may miss the first signal: repeats it until the process has ended.
finish() {
  trap '' TERM INT HUP
  last=$!
  (while kill "$last" 2>/dev/null; do sleep 1; done) &
  wait "$last"
  kill -9 $! $trimmer 2>/dev/null
  rm -f "$pid"
  exit 0
}
trimmer=
trap finish TERM INT HUP
# Keeps the log of requests from filling the disk.
(
  while sleep 60 && kill -0 $$ 2>/dev/null; do
    [ "$(wc -c <"$log")" -gt 10000000 ] && cp "$log" "$log.1" && : >"$log"
  done
) &
trimmer=$!
echo $$ >"$pid"
while :; do
  "$@" >>"$log" 2>&1 &
  wait $!
  sleep 1
done
