#!/usr/bin/env bash
# Puts the Android SDK's tools, an emulator and a system image into a folder. Downloads only what it is told to.
set -euo pipefail
# shellcheck source=device_scripts/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

usage() {
  cat <<'TEXT'
install_sdk.sh --dir DIR --tools-zip FILE --sha256 HEX [--image NAME] [--accept-licences]

FILE is the "Command line tools only" zip for this system from https://developer.android.com/studio and HEX the
SHA-256 which that page shows beside it. Nothing is unpacked unless the two agree. Where FILE is not there and the
variable SDK_TOOLS_URL holds its address, it is downloaded from there to FILE first.

The tools' own sdkmanager then installs platform-tools, emulator and the image (by default
system-images;android-34;google_apis;x86_64) from Google. That needs Google's licences accepted: without
--accept-licences the script stops there and says how to read and accept them; with it, all are accepted for you.

Needs java (17 or later), unzip and sha256sum; about 8 GB of disk. Can be run again: what is there is left as it is.
TEXT
}

folder="" tools_zip="" sha256="" image="system-images;android-34;google_apis;x86_64" accept=no
while (($#)); do
  case $1 in
    --help | -h) usage; exit 0 ;;
    --dir) folder=$(value_of "$@"); shift 2 ;;
    --tools-zip) tools_zip=$(value_of "$@"); shift 2 ;;
    --sha256) sha256=$(value_of "$@"); shift 2 ;;
    --image) image=$(value_of "$@"); shift 2 ;;
    --accept-licences) accept=yes; shift ;;
    *) unknown_option "$1" ;;
  esac
done
need_option --dir "$folder"
need_option --tools-zip "$tools_zip"
need_option --sha256 "$sha256"
[[ ${sha256,,} =~ ^[0-9a-f]{64}$ ]] ||
  refuse "Got the SHA-256 '$sha256'," \
    "expected 64 hexadecimal digits: copy it from the download page."
[[ $image =~ ^system-images\;android-[A-Za-z0-9.-]+\;[a-z0-9_-]+\;[a-z0-9_-]+$ ]] ||
  refuse "Got the image '$image', expected system-images;android-N;KIND;ABI: see \`sdkmanager --list\`."
need_tool java "install a Java runtime, 17 or later"
need_tool unzip "install it"
need_tool sha256sum "install coreutils"

download_tools() {
  [[ -n ${SDK_TOOLS_URL:-} ]] ||
    refuse "Got no file '$tools_zip'," \
      "expected the command-line tools' zip: download it, or set SDK_TOOLS_URL to its address."
  need_tool curl "install it, or download $SDK_TOOLS_URL by other means to $tools_zip"
  say "downloading $SDK_TOOLS_URL"
  curl --fail --location --silent --show-error --proto '=https,file' --output "$tools_zip.part" "$SDK_TOOLS_URL" ||
    fail "Got no file from $SDK_TOOLS_URL, expected the zip: check the address and the connection."
  mv -- "$tools_zip.part" "$tools_zip"
}

check_sum() {
  local found
  found=$(sha256sum -- "$tools_zip")
  [[ ${found%% *} == "${sha256,,}" ]] ||
    fail "Got a zip with SHA-256 ${found%% *}," \
      "expected ${sha256,,}: download $tools_zip again, and do not use this one."
}

# unpack_tools: the zip holds one folder, cmdline-tools; the SDK wants it as cmdline-tools/latest.
unpack_tools() {
  local fresh="$folder/cmdline-tools/.new"
  rm -rf -- "$fresh"
  mkdir -p -- "$fresh"
  unzip -q -- "$tools_zip" -d "$fresh" ||
    fail "Got a zip that cannot be unpacked," \
      "expected the command-line tools: look at $tools_zip."
  [[ -f $fresh/cmdline-tools/bin/sdkmanager ]] ||
    fail "Got a zip without cmdline-tools/bin/sdkmanager," \
      "expected the command-line tools: look at $tools_zip."
  mv -- "$fresh/cmdline-tools" "$folder/cmdline-tools/latest"
  rmdir -- "$fresh"
}

if [[ ! -d $folder/cmdline-tools/latest ]]; then
  [[ -f $tools_zip ]] || download_tools
  check_sum
  unpack_tools
fi
manager="$folder/cmdline-tools/latest/bin/sdkmanager"
if [[ $accept == yes ]]; then
  { yes || true; } 2>/dev/null | "$manager" --sdk_root="$folder" --licenses >/dev/null ||
    fail "Got a failure from sdkmanager --licenses," \
      "expected it to accept them: run $manager --sdk_root=$folder --licenses."
elif [[ ! -s $folder/licenses/android-sdk-license ]]; then
  fail "Got no accepted licences in $folder," \
    "expected yours: run $manager --sdk_root=$folder --licenses, read them, answer, then run this again."
fi
"$manager" --sdk_root="$folder" platform-tools emulator "$image" </dev/null ||
  fail "Got a failure from sdkmanager, expected it to install $image: read what it says above."
for tool in platform-tools/adb emulator/emulator; do
  [[ -x $folder/$tool ]] || fail "Got no $folder/$tool, expected it there by now: read what sdkmanager says above."
done
say "installed in $folder; before the other scripts:"
say "export ANDROID_HOME='$folder'"
say "export PATH='$folder/platform-tools:$folder/emulator:$folder/cmdline-tools/latest/bin':\$PATH"
