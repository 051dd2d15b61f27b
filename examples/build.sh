#!/usr/bin/env bash
# Rebuilds the committed objects from src/ for both byte orders, and says with which compiler.
#   examples/build.sh [CLANG]        default: clang-19
set -euo pipefail
cd "$(dirname "$0")"
clang=${1:-clang-19}
for order in little big; do
  target=bpfel
  [ "$order" = big ] && target=bpfeb
  mkdir -p "objects/$order"
  for source in src/*.c; do
    [ "$source" = src/reference-main.c ] && continue
    # Relative debug paths: the objects must not depend on where they were built.
    "$clang" -target "$target" -mcpu=v3 -O2 -g -fdebug-compilation-dir=. -ffile-prefix-map="$PWD=." \
      -c "$source" -o "objects/$order/$(basename "$source" .c).o"
  done
  "$clang" -target "$target" -mcpu=v3 -O2 -g -fdebug-compilation-dir=. -ffile-prefix-map="$PWD=." \
    -c embed-c/limiter.bpf.c -o "embed-c/limiter.$order.o"
  mkdir -p "bpf/objects/$order"
  for source in bpf/*.bpf.c; do
    "$clang" -target "$target" -mcpu=v3 -O2 -g -fdebug-compilation-dir=. -ffile-prefix-map="$PWD=." \
      -c "$source" -o "bpf/objects/$order/$(basename "$source" .bpf.c).o"
  done
done
"$clang" --version | head -n 1 >objects/COMPILER
