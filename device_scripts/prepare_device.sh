#!/usr/bin/env bash
# Makes a device fit for an agent: no animations, awake, fixed rotation, font and locale. Undone by restore_device.sh.
set -euo pipefail
# shellcheck source=device_scripts/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

usage() {
  cat <<'TEXT'
prepare_device.sh --serial SERIAL [--undo FILE] [--locale en-US] [--font-scale 1.0] [--ime-apk FILE]

Switches animations off, keeps the screen on while plugged in, fixes rotation, font scale and locale, wakes and
unlocks the screen. Prints what it changed, and writes FILE (undo-SERIAL.txt here by default) from which
restore_device.sh puts everything back; running it again adds to that file.

  --ime-apk FILE  installs a keyboard for text beyond ASCII where none is there: ADBKeyBoard's apk or uiautomator2's
                  app-uiautomator.apk, got from their own pages. The keyboard in use stays in use.

A screen lock with a PIN has to be taken off by hand. A new locale counts from the next boot on.
TEXT
}

undo="" locale=en-US font_scale=1.0 ime_apk=""
while (($#)); do
  case $1 in
    --help | -h) usage; exit 0 ;;
    --serial) serial=$(value_of "$@"); shift 2 ;;
    --undo) undo=$(value_of "$@"); shift 2 ;;
    --locale) locale=$(value_of "$@"); shift 2 ;;
    --font-scale) font_scale=$(value_of "$@"); shift 2 ;;
    --ime-apk) ime_apk=$(value_of "$@"); shift 2 ;;
    *) unknown_option "$1" ;;
  esac
done
check_serial
[[ $locale =~ ^[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?$ ]] ||
  refuse "Got the locale '$locale', expected a language and a region: give one such as en-US."
[[ $font_scale =~ ^(0\.[5-9][0-9]*|1(\.[0-9]+)?|2(\.0+)?)$ ]] ||
  refuse "Got the font scale '$font_scale', expected a number from 0.5 to 2: give one such as 1.0."
[[ -z $ime_apk || $(head -c 2 -- "$ime_apk" 2>/dev/null || true) == PK ]] ||
  refuse "Got the apk '$ime_apk', expected a file that is one: check the path and the download."
undo=${undo:-undo-${serial//:/_}.txt}

readonly UNDO_HEAD="# undo of prepare_device.sh for $serial"
changed=0

# remember FIELD...: add a line to the undo file, before the change it undoes.
remember() {
  if [[ ! -e $undo ]]; then
    { printf '%s\n' "$UNDO_HEAD" >"$undo"; } 2>/dev/null ||
      refuse "Got the undo file '$undo', which cannot be written: name another with --undo."
  fi
  local IFS=$'\t'
  printf '%s\n' "$*" >>"$undo"
}

# put_setting NAMESPACE KEY VALUE: set it, say so, and see that it stuck.
put_setting() {
  local old now
  old=$(setting "$1" "$2")
  same_value "$old" "$3" && return 0
  [[ $old != *[[:cntrl:]]* ]] || fail "Got '$old' for $1 $2 of $serial, expected one word or number: look at it."
  if [[ -z $old || $old == null ]]; then remember unset "$1" "$2"; else remember setting "$1" "$2" "$old"; fi
  device_shell settings put "$1" "$2" "$3" >/dev/null || true
  now=$(setting "$1" "$2")
  same_value "$now" "$3" ||
    fail "Got $1 $2 = $now after setting it to $3 on $serial," \
      "expected it to stick: allow USB debugging to change secure settings in developer options."
  changed=$((changed + 1))
  say "changed  $1 $2: $old -> $3"
}

install_ime() {
  local said why ime
  if ime=$(unicode_ime); then
    say "kept     keyboard $ime, which is installed already"
  else
    said=$(on_device install -r "$ime_apk" 2>&1) || {
      why=$(grep -m 1 -E 'INSTALL_|[Ff]ail' <<<"$said" || tail -n 1 <<<"$said") # older adb says something else last
      fail "Got '$why' from installing $ime_apk," \
        "expected Success: see what it means and install it by hand."
    }
    ime=$(unicode_ime) ||
      fail "Got no known keyboard from $ime_apk," \
        "expected ${UNICODE_IMES[*]}: give the apk of one of these."
    remember package "${ime%%/*}"
    changed=$((changed + 1))
    say "changed  installed ${ime%%/*}"
  fi
  device_shell ime enable "$ime" >/dev/null
  put_setting secure show_ime_with_hard_keyboard 1
}

if [[ -e $undo ]] && [[ $(head -n 1 -- "$undo") != "$UNDO_HEAD" ]]; then
  refuse "Got the undo file '$undo' of another device, expected one of $serial or none: name another with --undo."
fi
need_device
while read -r namespace key value; do
  put_setting "$namespace" "$key" "$value"
done < <(wanted_settings "$font_scale")
if [[ $(locale_of_device) != "$locale" ]]; then
  put_setting system system_locales "$locale"
  say "note     the locale counts from the next boot on: adb -s $serial reboot"
fi
if [[ -n $ime_apk ]]; then install_ime; fi
device_shell input keyevent 224 >/dev/null
device_shell wm dismiss-keyguard >/dev/null || true
wait_until 10 is_awake || fail "Got a screen that stays off on $serial, expected it on: press its power key."
if is_locked; then
  fail "Got a locked screen on $serial," \
    "expected an open one: take the screen lock off in its settings, then run this again."
fi
say "$changed changed on $serial"
if [[ -e $undo ]]; then say "put back by restore_device.sh --serial $serial --undo $undo"; fi
