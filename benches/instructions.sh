#!/bin/sh
# Counts instructions per byte of each way of redaction over each document, by valgrind's callgrind, so that
# figures do not depend on what else the machine does. Two runs of different length are subtracted: set-up cancels.
# valgrind 3.19 knows AVX2 but not AVX-512, so what is counted is the AVX2 path.
#     benches/instructions.sh [document…]
# CHATWARDEN_BENCH_DATA names a folder whose twitter.json and citm_catalog.json join, if they are there.
set -eu
cd "$(dirname "$0")/.."

cargo build --quiet --release -p chatwarden-redact --example once
once=${CARGO_TARGET_DIR:-target}/release/examples/once
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# instructions <way> <document> <repeats>
instructions() {
    valgrind --tool=callgrind --callgrind-out-file="$scratch/out" "$once" "$1" "$2" "$3" 2>"$scratch/log" >"$scratch/size"
    sed -n 's/^summary: //p; s/^totals: //p' "$scratch/out" | tail -1
}

documents=${*:-messages clients timeline catalogue small frame}
if [ $# -eq 0 ] && [ -n "${CHATWARDEN_BENCH_DATA:-}" ]; then
    for name in twitter citm_catalog; do
        [ ! -f "$CHATWARDEN_BENCH_DATA/$name.json" ] || documents="$documents $CHATWARDEN_BENCH_DATA/$name.json"
    done
fi

echo "| document | constants | aliases | no such key | nothing to hide | bare scan | serde_json | constants: x serde_json |"
echo "|---|---|---|---|---|---|---|---|"
for document in $documents; do
    row="| $(basename "$document") |"
    for way in constants aliases no-such-key nothing scan serde; do
        few=$(instructions "$way" "$document" 2)
        many=$(instructions "$way" "$document" 6)
        perbyte=$(awk -v few="$few" -v many="$many" -v size="$(cat "$scratch/size")" \
            'BEGIN { printf "%.2f", (many - few) / 4 / size }')
        [ "$way" = constants ] && ours=$perbyte
        row="$row $perbyte |"
    done
    echo "$row $(awk -v ours="$ours" -v serde="$perbyte" 'BEGIN { printf "%.1f", serde / ours }') |"
done
