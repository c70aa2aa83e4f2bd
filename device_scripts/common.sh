# shellcheck shell=bash
# What the scripts beside this one share: words, checks of input, adb with a deadline. Sourced; does nothing by itself.
#
# Exit codes of all of them: 0 done, 1 the device or a tool failed, 2 bad input. No adb server is ever stopped.

ADB_TIMEOUT_SEC=${ADB_TIMEOUT_SEC:-60}
POLL_SEC=0.2
UNICODE_IMES=(com.github.uiautomator/.AdbKeyboard com.android.adbkeyboard/.AdbIME)
serial=""

say() { printf '%s\n' "$*"; }

# fail SENTENCE: the device or a tool did not do what was asked.
fail() {
  printf '%s\n' "$*" >&2
  exit 1
}

# refuse SENTENCE: what was given cannot be used.
refuse() {
  printf '%s\n' "$*" >&2
  exit 2
}

# value_of OPTION [VALUE]: print the value an option was given; refuse when there is none.
value_of() {
  if (($# < 2)) || [[ -z $2 || $2 == --* ]]; then
    refuse "Got $1 without a value, expected one after it: see --help."
  fi
  printf '%s\n' "$2"
}

unknown_option() { refuse "Got $1, expected an option this script has: see --help."; }

# need_option NAME VALUE: refuse when an option that must be given was not.
need_option() { [[ -n $2 ]] || refuse "Got no $1, expected it: see --help."; }

# need_tool NAME HINT: refuse when a program is not on PATH.
need_tool() { command -v "$1" >/dev/null || refuse "Got no program $1 on PATH, expected one: $2."; }

check_serial() {
  need_option --serial "$serial"
  [[ $serial =~ ^[A-Za-z0-9._:-]+$ ]] ||
    refuse "Got the serial '$serial'," \
      "expected one as \`adb devices\` shows it: choose one of those."
  need_tool adb "install platform-tools (install_sdk.sh) and put them on PATH"
}

on_device() { timeout "$ADB_TIMEOUT_SEC" adb -s "$serial" "$@" </dev/null; }

# device_shell WORD...: run exactly these words on the device; print what it says, without carriage returns.
device_shell() {
  local word line=""
  for word in "$@"; do line+=" '${word//\'/\'\\\'\'}'"; done
  on_device shell "${line# }" 2>&1 | tr -d '\r'
}

# state_of_device: print its state; the last line, as adb may tell of a server it starts before.
state_of_device() { on_device get-state 2>/dev/null | tail -n 1 || true; }

need_device() {
  local state
  state=$(state_of_device)
  [[ $state != unauthorized && $state != authorizing ]] ||
    fail "Got the state $state of $serial, expected device: accept this computer's key on its screen."
  [[ $state == device ]] || fail "Got the state '${state:-not there}' of $serial, expected device: see \`adb devices\`."
}

# wait_until SECONDS COMMAND...: run the command until it succeeds; 1 at the deadline.
wait_until() {
  local ends_at=$((SECONDS + $1))
  shift
  until "$@"; do
    ((SECONDS < ends_at)) || return 1
    sleep "$POLL_SEC"
  done
}

property() { device_shell getprop "$1" || true; }

# setting NAMESPACE KEY: print its value, `null` where it is not set.
setting() {
  device_shell settings get "$1" "$2" || fail "Got no answer from \`settings get\` on $serial, expected one:" \
    "see \`adb devices\`, and whether it still responds."
}

# same_value A B: equal as text, or but for a closing `.0`.
same_value() { [[ ${1%.0} == "${2%.0}" ]]; }

# wanted_settings FONT_SCALE: the settings of a prepared device, one `namespace key value` a line.
wanted_settings() {
  cat <<LIST
global window_animation_scale 0
global transition_animation_scale 0
global animator_duration_scale 0
global stay_on_while_plugged_in 7
system screen_off_timeout 1800000
system accelerometer_rotation 0
system user_rotation 0
system font_scale $1
LIST
}

# locale_of_device: the first locale in use; the setting where it is set, else the properties.
locale_of_device() {
  local found name
  found=$(setting system system_locales)
  for name in persist.sys.locale ro.product.locale; do
    [[ -z $found || $found == null ]] && found=$(property "$name")
  done
  printf '%s\n' "${found%%,*}"
}

# unicode_ime: print the keyboard for text beyond ASCII that is installed; 1 when none is.
unicode_ime() {
  local installed ime
  installed=$(device_shell ime list -a -s)
  for ime in "${UNICODE_IMES[@]}"; do
    if grep -qxF -- "$ime" <<<"$installed"; then
      printf '%s\n' "$ime"
      return 0
    fi
  done
  return 1
}

is_awake() { [[ $(device_shell dumpsys power) == *mWakefulness=Awake* ]]; }

# is_locked: whether the lock screen shows, as `dumpsys window policy` says it since Android 9.
is_locked() {
  local policy
  policy=$(device_shell dumpsys window policy)
  policy=${policy#*KeyguardServiceDelegate}
  policy=${policy#*showing=}
  [[ $policy == true* ]]
}
