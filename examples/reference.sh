#!/usr/bin/env bash
# Prints what each example of manifest.json returns as native C, by gcc on this host (little-endian) and by the cross
# gcc of s390x under QEMU (big-endian): the truth that the demo compares with.
set -euo pipefail
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
node -e 'for (const e of require("./manifest.json").examples) console.log(e.source, e.program, e.mem)' |
  while read -r source program mem; do
    gcc -w -O1 -DPROGRAM="$program" -o "$work/little" "src/$source.c" src/reference-main.c
    s390x-linux-gnu-gcc -w -O1 -static -DPROGRAM="$program" -o "$work/big" "src/$source.c" src/reference-main.c
    echo "$source $("$work/little" "$mem") $(qemu-s390x "$work/big" "$mem" </dev/null)"
  done
