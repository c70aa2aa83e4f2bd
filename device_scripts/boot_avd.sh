#!/usr/bin/env bash
# Boots one AVD without a window and waits until it can be used. Touches no other emulator and no adb server.
set -euo pipefail
# shellcheck source=device_scripts/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

usage() {
  cat <<'TEXT'
boot_avd.sh --name NAME [--port 5554] [--load SNAPSHOT] [--save SNAPSHOT] [--deadline-sec 300] [--log FILE]
            [-- OPTION...]

Starts the emulator in the background (log: emulator-PORT.log here by default; its process number: FILE.pid) and waits
until adb shows it, boot is completed, the boot animation has stopped and the package manager answers. Where that
takes longer than the deadline, the emulator it started is stopped again.

  --port         even, 5554 to 5682; the serial is emulator-PORT
  --load         start from a named snapshot; without it the boot is a cold one
  --save         save a named snapshot once it is up
  -- OPTION...   further options for the emulator, such as -gpu host

Stop it with: adb -s emulator-PORT emu kill
TEXT
}

name="" port=5554 load="" save="" deadline_sec=300 log="" more=()
while (($#)); do
  case $1 in
    --help | -h) usage; exit 0 ;;
    --name) name=$(value_of "$@"); shift 2 ;;
    --port) port=$(value_of "$@"); shift 2 ;;
    --load) load=$(value_of "$@"); shift 2 ;;
    --save) save=$(value_of "$@"); shift 2 ;;
    --deadline-sec) deadline_sec=$(value_of "$@"); shift 2 ;;
    --log) log=$(value_of "$@"); shift 2 ;;
    --) shift; more=("$@"); break ;;
    *) unknown_option "$1" ;;
  esac
done
need_option --name "$name"
[[ $port =~ ^(555[4-9]|55[6-9][0-9]|56[0-7][0-9]|568[0-2])$ && $port == *[02468] ]] ||
  refuse "Got the port '$port', expected an even number from 5554 to 5682: choose one."
[[ $deadline_sec =~ ^[1-9][0-9]{0,4}$ ]] ||
  refuse "Got the deadline '$deadline_sec'," \
    "expected whole seconds from 1 to 99999: give one."
for snapshot in "$load" "$save"; do
  [[ $snapshot =~ ^[A-Za-z0-9._-]*$ ]] ||
    refuse "Got the snapshot '$snapshot'," \
      "expected letters, digits, dots, dashes and underscores: choose another."
done
serial=emulator-$port
check_serial
need_tool emulator "run install_sdk.sh and put its emulator folder on PATH"
avd_home=${ANDROID_AVD_HOME:-${ANDROID_USER_HOME:-$HOME/.android}/avd}
[[ -z $load || -d $avd_home/$name.avd/snapshots/$load ]] ||
  refuse "Got the snapshot $load, which $avd_home/$name.avd has not, expected one it has: boot with --save $load first."
log=${log:-$serial.log}

# is_open PORT: whether something listens on a port of this computer.
is_open() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

for number in "$port" "$((port + 1))"; do
  if is_open "$number"; then
    refuse "Got port $port, but something listens on $number," \
      "expected both free: choose another --port; what runs there is left alone."
  fi
done
[[ $(uname -s) != Linux || -w /dev/kvm ]] ||
  say "note     /dev/kvm cannot be written: without it a boot takes many minutes" >&2

options=(-avd "$name" -port "$port" -no-window -no-audio -no-boot-anim -gpu swiftshader_indirect -no-snapshot-save)
if [[ -n $load ]]; then options+=(-snapshot "$load"); else options+=(-no-snapshot-load); fi
{ : >"$log"; } 2>/dev/null || refuse "Got the log '$log', which cannot be written: name another with --log."
nohup emulator "${options[@]}" "${more[@]}" </dev/null >"$log" 2>&1 &
emulator_pid=$!
printf '%s\n' "$emulator_pid" >"$log.pid"

runs() { kill -0 "$emulator_pid" 2>/dev/null; }

is_gone() { ! runs; }

# stop_ours: end the emulator started here, and no other.
stop_ours() {
  if runs; then
    kill "$emulator_pid"
    wait_until 10 is_gone || kill -KILL "$emulator_pid"
  fi
  rm -f -- "$log.pid"
}
trap stop_ours EXIT

waited_for=adb
# is_up: whether all conditions hold; says in `waited_for` which one is next.
is_up() {
  runs || fail "Got an emulator that ended while it booted ($(tail -n 1 -- "$log")), expected it to go on: read $log."
  waited_for="adb to show it"
  [[ $(state_of_device) == device ]] || return 1
  waited_for="sys.boot_completed"
  [[ $(property sys.boot_completed) == 1 ]] || return 1
  waited_for="the boot animation to stop"
  [[ $(property init.svc.bootanim) != running ]] || return 1
  waited_for="the package manager"
  [[ $(device_shell pm path android) == package:* ]]
}

wait_until "$deadline_sec" is_up ||
  fail "Got no booted $name within $deadline_sec s (waiting for $waited_for)," \
    "expected it up: it is stopped again, read $log or give a longer --deadline-sec."
if [[ -n $save ]]; then
  said=$(on_device emu avd snapshot save "$save" 2>&1 | tr -d '\r') || true
  listed=$(on_device emu avd snapshot list 2>&1) || true
  grep -qwF -- "$save" <<<"$listed" ||
    fail "Got '$(tail -n 1 <<<"$said")' from saving the snapshot $save," \
      "expected OK: see the space on disk and read $log."
fi
trap - EXIT
say "$serial is up, process $emulator_pid, log $log${save:+, snapshot $save saved}"
