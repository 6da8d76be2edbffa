#!/bin/sh
# Runs one command for Omega's Surgeon in a process group of its own, with a deadline that this host keeps.
#
#   runner.sh run NONCE SECONDS GUARD-WORDS EXPECTED [GUARD...] COMMAND...
#   runner.sh kill NONCE
#   runner.sh fence NONCE           ends the commands of NONCE's owner, and from then on begins none
#   runner.sh --allow FILE          as the forced command of a key: takes the words from SSH_ORIGINAL_COMMAND
#
# The first half of a nonce names whose command it is: an action's execution, whose later steps are refused once it is taken back.
# With a guard, the command runs only if the guard prints just the expected line. FILE has one allowed command a line: words between
# tabs, each an extended regular expression that must match the whole word; a last word '...' lets the one before it repeat.
# Exit status: the command's own; 124 with a line "omega-run NONCE <code>" on standard error when it was not run.

nonce=none
refuse() {
  printf 'omega-run %s %s\n' "$nonce" "$1" >&2
  exit 124
}
matches() { printf '%s\n' "$1" | LC_ALL=C grep -Eqx -e "$2"; }
tab=$(printf '\t')
newline='
'

# Is "$@" one of the allowed commands?
allowed() {
  while IFS= read -r rule; do
    case $rule in '' | '#'*) continue ;; esac
    fits "$rule" "$@" && return 0
  done <"$allow"
  return 1
}

fits() {
  rest=$1$tab
  pattern=
  shift
  while [ -n "$rest" ]; do
    step=${rest%%"$tab"*}
    rest=${rest#*"$tab"}
    if [ "$step" = ... ]; then
      while [ $# -gt 0 ]; do
        matches "$1" "$pattern" || return 1
        shift
      done
      return 0
    fi
    pattern=$step
    [ $# -gt 0 ] && matches "$1" "$pattern" || return 1
    shift
  done
  [ $# -eq 0 ]
}

# Is the guard one of the allowed commands, and the command another? $1 words belong to the guard.
both_allowed() {
  words=$1
  shift
  if [ "$words" -gt 0 ]; then
    (
      left=$#
      while [ "$words" -gt 0 ]; do
        first=$1
        shift
        set -- "$@" "$first"
        words=$((words - 1))
        left=$((left - 1))
      done
      shift "$left"
      allowed "$@"
    ) || return 1
    shift "$words"
  fi
  allowed "$@"
}

allow=
if [ "${1-}" = --allow ]; then
  allow=${2-}
  [ -r "$allow" ] || refuse allow_list_unreadable
  line=${SSH_ORIGINAL_COMMAND-}
  # Only words in single quotes reach eval, and there nothing means anything to a shell.
  word="'[^']*'(\\\\''[^']*')*"
  case $line in *"$newline"*) refuse not_allowed ;; esac
  matches "$line" "$word( $word)*" || refuse not_allowed
  eval "set -- $line"
fi

verb=${1-}
matches "${2-}" '[0-9a-f]{32}' || refuse bad_request
nonce=$2
shift 2

# Group numbers of running commands, in a folder that nobody else can have made or can write to.
folder=/tmp/omega-run-$(id -u)
umask 077
mkdir "$folder" 2>/dev/null
[ -d "$folder" ] && [ ! -L "$folder" ] && [ -O "$folder" ] || refuse folder_not_ours
record=$folder/$nonce
owner=${nonce%????????????????}
fence=$folder/fenced-$owner

# Ends the process group that a record names; one that is about to be named is waited for.
end_group() {
  record=$1
  tries=0
  while [ ! -s "$record" ] && [ "$tries" -lt 10 ]; do
    sleep 0.1
    tries=$((tries + 1))
  done
  [ -s "$record" ] || return 0
  group=$(cat "$record")
  for signal in TERM KILL; do
    kill -s "$signal" -- "-$group" 2>/dev/null || kill -s "$signal" "$group" 2>/dev/null
    tries=0
    while kill -s 0 -- "-$group" 2>/dev/null && [ "$tries" -lt 10 ]; do
      sleep 0.1
      tries=$((tries + 1))
    done
  done
  rm -f "$record"
}

case $verb in
kill)
  end_group "$record"
  exit 0
  ;;
fence)
  find "$folder" -name 'fenced-*' -mtime +30 -exec rm -f {} +
  : >"$fence"
  for running in "$folder/$owner"*; do
    [ ! -e "$running" ] || end_group "${running%.new}"
  done
  exit 0
  ;;
run) ;;
*) refuse bad_request ;;
esac

matches "${1-}" '[0-9]{1,5}' && matches "${2-}" '0|[1-9][0-9]{0,2}' || refuse bad_request
seconds=$1
[ $# -gt "$(($2 + 3))" ] || refuse bad_request
if [ -n "$allow" ]; then
  (
    words=$2
    shift 3
    both_allowed "$words" "$@"
  ) || refuse not_allowed
fi
shift

# The guard runs inside the group, under the same deadline, right before the command takes its place.
guarded='
nonce=$1 words=$2 expected=$3
shift 3
if [ "$words" -gt 0 ]; then
  now=$(
    left=$#
    while [ "$words" -gt 0 ]; do
      first=$1
      shift
      set -- "$@" "$first"
      words=$((words - 1))
      left=$((left - 1))
    done
    shift "$left"
    exec "$@"
  ) || { printf "omega-run %s guard_failed\n" "$nonce" >&2; exit 124; }
  [ "$now" = "$expected" ] || { printf "omega-run %s changed\n" "$nonce" >&2; exit 124; }
  shift "$words"
fi
exec "$@"'
# In this order: whoever fences now either is seen here, or sees this.
: >"$record.new"
if [ -e "$fence" ]; then
  rm -f "$record.new"
  refuse fenced
fi
setsid sh -c "$guarded" omega-run "$nonce" "$@" </dev/null &
group=$!
printf '%s\n' "$group" >"$record.new" && mv "$record.new" "$record"

# Should the connection be lost, nobody comes to kill: then this does. It holds no output open.
setsid sh -c 'sleep "$1"; kill -s TERM -- "-$2"; sleep 2; kill -s KILL -- "-$2"; rm -f "$3"' \
  omega-watch "$seconds" "$group" "$record" </dev/null >/dev/null 2>&1 &
watch=$!
wait "$group"
status=$?
kill -s KILL -- "-$watch" 2>/dev/null || kill -s KILL "$watch" 2>/dev/null
rm -f "$record"
exit "$status"
