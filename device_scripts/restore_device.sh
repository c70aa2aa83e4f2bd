#!/usr/bin/env bash
# Puts back what prepare_device.sh changed, from its undo file. Runs nothing that stands in the file.
set -euo pipefail
# shellcheck source=device_scripts/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

usage() {
  cat <<'TEXT'
restore_device.sh --serial SERIAL [--undo FILE]

Puts every setting in FILE (undo-SERIAL.txt here by default) back, the last change first, and removes the keyboard
prepare_device.sh installed. FILE is renamed to FILE.restored when all of it is done, and stays when something failed.
TEXT
}

undo=""
while (($#)); do
  case $1 in
    --help | -h) usage; exit 0 ;;
    --serial) serial=$(value_of "$@"); shift 2 ;;
    --undo) undo=$(value_of "$@"); shift 2 ;;
    *) unknown_option "$1" ;;
  esac
done
check_serial
undo=${undo:-undo-${serial//:/_}.txt}
[[ -r $undo ]] ||
  refuse "Got the undo file '$undo', which is not there," \
    "expected the one prepare_device.sh wrote: name it with --undo."
[[ $(head -n 1 -- "$undo") == "# undo of prepare_device.sh for $serial" ]] ||
  refuse "Got the undo file '$undo', expected one of prepare_device.sh for $serial: name the right one with --undo."

failures=0

# report OLD NOW WHAT: say whether a setting is what it was.
report() {
  if [[ $1 == "$2" ]]; then
    say "restored $3 $1"
  else
    failures=$((failures + 1))
    say "FAILED   $3: is $2, was $1"
  fi
}

# restore_line KIND FIELD...: undo one change.
restore_line() {
  case $1 in
    setting)
      device_shell settings put "$2" "$3" "$4" >/dev/null || true
      report "$4" "$(setting "$2" "$3")" "$2 $3"
      ;;
    unset)
      device_shell settings delete "$2" "$3" >/dev/null || true
      report null "$(setting "$2" "$3")" "$2 $3"
      ;;
    package)
      local said
      said=$(on_device uninstall "$2" 2>&1) || true
      report Success "$(tail -n 1 <<<"$said" | tr -d '\r')" "removal of $2:"
      ;;
  esac
}

# check_line KIND FIELD...: refuse a line that prepare_device.sh cannot have written.
check_line() {
  local bad="Got the line '$*' in $undo, expected one of prepare_device.sh: take it out or name another file."
  case ${1-}:$# in
    setting:4 | unset:3)
      [[ $2 =~ ^(global|secure|system)$ && $3 =~ ^[a-z0-9_]+$ ]] || refuse "$bad"
      ;;
    package:2)
      [[ " ${UNICODE_IMES[*]} " == *" $2/"* ]] || refuse "$bad"
      ;;
    *) refuse "$bad" ;;
  esac
}

lines=()
while IFS= read -r line; do
  IFS=$'\t' read -r -a fields <<<"$line"
  check_line "${fields[@]}"
  lines=("$line" "${lines[@]}")
done < <(tail -n +2 -- "$undo")
need_device
for line in "${lines[@]}"; do
  IFS=$'\t' read -r -a fields <<<"$line"
  restore_line "${fields[@]}"
done
((failures == 0)) ||
  fail "Got $failures changes of $serial that do not go back," \
    "expected none: $undo is kept, run this again or set them by hand."
mv -- "$undo" "$undo.restored"
say "${#lines[@]} restored on $serial; $undo is now $undo.restored"
