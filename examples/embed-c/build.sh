#!/usr/bin/env bash
# Builds and runs the example for each CPU named, default: the three that it is made for.
#   examples/embed-c/build.sh [x86_64|arm64|s390x]...
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
out=${OUT:-$(mktemp -d)}
[ $# -gt 0 ] || set -- x86_64 arm64 s390x
for cpu in "$@"; do
  case $cpu in
    x86_64) gcc=gcc run= order=little ;;
    arm64) gcc=aarch64-linux-gnu-gcc run='qemu-aarch64 -L /usr/aarch64-linux-gnu' order=little ;;
    s390x) gcc=s390x-linux-gnu-gcc run='qemu-s390x -L /usr/s390x-linux-gnu' order=big ;;
    *) echo "$cpu: one of x86_64 arm64 s390x" >&2; exit 2 ;;
  esac
  mkdir -p "$out/$cpu"
  node "$here/../../apps/cli/bin/polybpf.mjs" compile "$here/limiter.$order.o" --target "$cpu" --format object \
    -o "$out/$cpu/limiter.o" --header "$out/$cpu/limiter.h" >/dev/null
  $gcc -O2 -Wall -Wextra -Werror -I"$out/$cpu" -o "$out/$cpu/limiter" "$here/main.c" "$out/$cpu/limiter.o"
  echo "--- $cpu"
  $run "$out/$cpu/limiter"
done
