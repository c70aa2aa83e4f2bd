#!/usr/bin/env bash
# Says whether a device is as prepare_device.sh leaves it. Changes nothing; `agent-runtime doctor` looks further.
set -euo pipefail
# shellcheck source=device_scripts/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

usage() {
  cat <<'TEXT'
check_device.sh --serial SERIAL [--locale en-US] [--font-scale 1.0]

Prints a line for each thing prepare_device.sh takes care of: ok, or what differs. Exit code 0 when all is ok.
A missing keyboard for text beyond ASCII is told, but is no failure.
TEXT
}

locale=en-US font_scale=1.0
while (($#)); do
  case $1 in
    --help | -h) usage; exit 0 ;;
    --serial) serial=$(value_of "$@"); shift 2 ;;
    --locale) locale=$(value_of "$@"); shift 2 ;;
    --font-scale) font_scale=$(value_of "$@"); shift 2 ;;
    *) unknown_option "$1" ;;
  esac
done
check_serial

differing=0

# tell FOUND WANTED WHAT: print a line about one thing.
tell() {
  if same_value "$1" "$2"; then
    say "ok       $3 $1"
  else
    differing=$((differing + 1))
    say "DIFFERS  $3: is $1, wanted $2"
  fi
}

need_device
tell "$(property sys.boot_completed)" 1 "boot completed"
while read -r namespace key value; do
  tell "$(setting "$namespace" "$key")" "$value" "$namespace $key"
done < <(wanted_settings "$font_scale")
tell "$(locale_of_device)" "$locale" locale
if is_awake; then tell yes yes "screen on"; else tell no yes "screen on"; fi
if is_locked; then tell yes no "screen locked"; else tell no no "screen locked"; fi
if ime=$(unicode_ime); then
  say "ok       keyboard $ime"
else
  say "note     no keyboard for text beyond ASCII: prepare_device.sh --ime-apk FILE"
fi
((differing == 0)) ||
  fail "Got $differing things of $serial that differ," \
    "expected none: run prepare_device.sh --serial $serial."
