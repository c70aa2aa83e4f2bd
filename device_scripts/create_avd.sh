#!/usr/bin/env bash
# Creates one Android Virtual Device with a given screen and memory. Starts nothing and replaces none that is there.
set -euo pipefail
# shellcheck source=device_scripts/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

usage() {
  cat <<'TEXT'
create_avd.sh --name NAME [--image IMAGE] [--resolution 1080x2400] [--density 420] [--ram-mb 4096] [--cores 4]
              [--disk-mb 6144] [--snapshots on|off]

IMAGE must be installed (install_sdk.sh). With --snapshots off every boot is a cold one; on (the default) named
snapshots can be saved and loaded by boot_avd.sh. The keyboard is the one on the screen: no hardware keys, so that
keyboard apps for text beyond ASCII come up. Lies in $ANDROID_AVD_HOME, or ~/.android/avd.
TEXT
}

name="" image="system-images;android-34;google_apis;x86_64" resolution=1080x2400 density=420 ram_mb=4096 cores=4
disk_mb=6144 snapshots=on
while (($#)); do
  case $1 in
    --help | -h) usage; exit 0 ;;
    --name) name=$(value_of "$@"); shift 2 ;;
    --image) image=$(value_of "$@"); shift 2 ;;
    --resolution) resolution=$(value_of "$@"); shift 2 ;;
    --density) density=$(value_of "$@"); shift 2 ;;
    --ram-mb) ram_mb=$(value_of "$@"); shift 2 ;;
    --cores) cores=$(value_of "$@"); shift 2 ;;
    --disk-mb) disk_mb=$(value_of "$@"); shift 2 ;;
    --snapshots) snapshots=$(value_of "$@"); shift 2 ;;
    *) unknown_option "$1" ;;
  esac
done

# check_number NAME VALUE LOW HIGH: refuse what is not a whole number in a range.
check_number() {
  if ! [[ $2 =~ ^[0-9]{1,6}$ ]] || ((10#$2 < $3 || 10#$2 > $4)); then
    refuse "Got $1 '$2', expected a whole number from $3 to $4: give one."
  fi
}

need_option --name "$name"
[[ $name =~ ^[A-Za-z0-9._-]+$ ]] ||
  refuse "Got the name '$name'," \
    "expected letters, digits, dots, dashes and underscores: choose another."
[[ $resolution =~ ^([0-9]{3,4})x([0-9]{3,4})$ ]] ||
  refuse "Got the resolution '$resolution'," \
    "expected WIDTHxHEIGHT in pixels: give one such as 1080x2400."
width_px=${BASH_REMATCH[1]} height_px=${BASH_REMATCH[2]}
check_number --density "$density" 120 640
check_number --ram-mb "$ram_mb" 1024 32768
check_number --cores "$cores" 1 32
check_number --disk-mb "$disk_mb" 2048 262144
[[ $snapshots =~ ^(on|off)$ ]] || refuse "Got --snapshots '$snapshots', expected on or off: choose one."
need_tool avdmanager "run install_sdk.sh and put cmdline-tools/latest/bin on PATH"

avd_home=${ANDROID_AVD_HOME:-${ANDROID_USER_HOME:-$HOME/.android}/avd}
config="$avd_home/$name.avd/config.ini"
[[ ! -e $avd_home/$name.ini && ! -e $avd_home/$name.avd ]] ||
  refuse "Got the name $name, which an AVD in $avd_home has," \
    "expected a new one: choose another, or run avdmanager delete avd -n $name."

# set_key KEY VALUE: set one line of the AVD's configuration, which lists each key once.
set_key() {
  local kept
  kept=$(grep -v "^$1[ ]*=" -- "$config" || true)
  printf '%s\n%s=%s\n' "$kept" "$1" "$2" >"$config"
}

printf 'no\n' | avdmanager --silent create avd --name "$name" --package "$image" ||
  fail "Got a failure from avdmanager," \
    "expected it to create $name: see that $image is installed (install_sdk.sh --image)."
[[ -f $config ]] ||
  fail "Got no $config from avdmanager," \
    "expected it there: set ANDROID_AVD_HOME to where it puts AVDs."
set_key hw.lcd.width "$width_px"
set_key hw.lcd.height "$height_px"
set_key hw.lcd.density "$density"
set_key hw.ramSize "$ram_mb"
set_key hw.cpu.ncore "$cores"
set_key disk.dataPartition.size "${disk_mb}M"
set_key hw.keyboard no
set_key hw.gpu.enabled yes
set_key hw.gpu.mode swiftshader_indirect
set_key hw.audioInput no
set_key hw.audioOutput no
set_key fastboot.forceColdBoot "$([[ $snapshots == off ]] && echo yes || echo no)"
say "created $name (${resolution}, ${density} dpi, ${ram_mb} MB); boot it with boot_avd.sh --name $name"
