#!/bin/sh
# Shows that memory does not grow with a body: ten gigabytes of messages, and a gigabyte of everything else that a
# body can be flooded with, through one redactor each. The resident memory of the process stays what it was.
#     benches/memory.sh [gigabytes of messages [gigabytes of each flood]]
set -eu
cd "$(dirname "$0")/.."

cargo build --quiet --release -p chatwarden-redact --example stream
stream=${CARGO_TARGET_DIR:-target}/release/examples/stream

"$stream" "${1:-10}" messages
echo
"$stream" "${2:-1}"
