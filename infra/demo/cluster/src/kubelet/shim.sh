#!/bin/sh
# Stands between the kubelet and one container, as a containerd shim does: it outlives the kubelet and leaves the
# container's exit code in a file for whichever kubelet comes to ask. Called as: shim.sh EXIT_FILE COMMAND…
exit_file=$1
shift

# SIGTERM is handed on to the container's first process alone, also when it comes before that was started.
child= asked=
trap 'asked=1; [ -n "$child" ] && kill -TERM "$child" 2>/dev/null' TERM
trap : INT HUP
"$@" &
child=$!
[ -n "$asked" ] && kill -TERM "$child" 2>/dev/null

# wait returns early when a signal came; then the container is still there.
while :; do
  wait "$child"
  code=$?
  kill -0 "$child" 2>/dev/null || break
done
echo "$code" > "$exit_file.new" && mv "$exit_file.new" "$exit_file"
