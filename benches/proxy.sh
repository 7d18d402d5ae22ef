#!/usr/bin/env bash
# What does a request cost in the whole process, and which allocator serves it best?
#
# Whole-process comparison: nginx as the origin, then the gateway passing it through (exempt caller), the gateway
# masking it, and nginx as a proxy, for a 100 KB and a 2 KB answer. The figure to trust is CPU time per request of the
# process under test (utime + stime over the requests that wrk counted); requests per second suffer from other load.
#
#   benches/proxy.sh [ROUNDS] [SECONDS]      # needs nginx-light and wrk; binaries from ALLOCATORS
#
# ALLOCATORS is a list of name=binary or name=binary:library, the library being preloaded into a binary that was built
# with `--features system-allocator`; the default is release=target/release/chatwarden.
set -euo pipefail
cd "$(dirname "$0")/.."
rounds=${1:-3} seconds=${2:-4}
read -ra binaries <<<"${ALLOCATORS:-release=target/release/chatwarden}"
work=$(mktemp -d)
chmod 755 "$work" # nginx's worker is another user
pids=()
cleanup() { kill "${pids[@]}" 2>/dev/null || true; wait 2>/dev/null || true; rm -rf "$work"; }
trap cleanup EXIT

mkdir -p "$work/www/api"
python3 - "$work/www/api" <<'PY'
import json, sys
def message(n):
    return {"id": n, "conversation_id": n % 97, "client_name": f"Anna Kowalska {n}", "client_phone": f"+3706{n:07d}",
            "client_email": f"anna{n}@example.com", "from_user": {"title": f"Anna {n}", "service_user_id": f"@anna{n}",
            "avatar": f"https://cdn.example.com/{n}.jpg"}, "text": "Hello, where is my order?\nThank you — \u2764", "date": 1795300000000 + n}
for name, size in (("large", 100_000), ("small", 2_000)):
    rows, n = [], 0
    while len(json.dumps(rows)) < size:
        rows.append(message(n)); n += 1
    open(f"{sys.argv[1]}/{name}", "w").write(json.dumps({"status": 200, "data": rows}))
PY
printf '{"id":1003,"role":"operator","groups":[{"title":"Trainees"}]}' >"$work/www/api/me-trainee"
printf '{"id":1002,"role":"operator","groups":[{"title":"Supervisors"}]}' >"$work/www/api/me-supervisor"
cat >"$work/nginx.conf" <<CONF
worker_processes 1; daemon off; pid $work/nginx.pid; error_log $work/error.log;
events { worker_connections 1024; }
http {
  access_log off; keepalive_requests 1000000; default_type application/json;
  client_body_temp_path $work/t1; proxy_temp_path $work/t2; fastcgi_temp_path $work/t3; uwsgi_temp_path $work/t4; scgi_temp_path $work/t5;
  map \$cookie_session \$me { supervisor me-supervisor; default me-trainee; }
  server { listen 127.0.0.1:3100; root $work/www; location = /api/me { rewrite ^ /api/\$me break; } }
}
CONF
cat >"$work/proxy.conf" <<CONF
worker_processes 1; daemon off; pid $work/proxy.pid; error_log $work/error2.log;
events { worker_connections 1024; }
http {
  access_log off; keepalive_requests 1000000;
  client_body_temp_path $work/p1; proxy_temp_path $work/p2; fastcgi_temp_path $work/p3; uwsgi_temp_path $work/p4; scgi_temp_path $work/p5;
  upstream origin { server 127.0.0.1:3100; keepalive 64; }
  server { listen 127.0.0.1:3101; location / { proxy_pass http://origin; proxy_http_version 1.1; proxy_set_header Connection ""; } }
}
CONF
taskset -c 1 nginx -c "$work/nginx.conf" -p "$work" 2>/dev/null & pids+=($!)
taskset -c 0 nginx -c "$work/proxy.conf" -p "$work" 2>/dev/null & pids+=($!)

port=3110
declare -A port_of
for entry in "${binaries[@]}"; do
  name=${entry%%=*} binary=${entry#*=} preload=
  [[ $binary == *:* ]] && preload=${binary#*:} binary=${binary%%:*}
  mkdir -p "$work/$name"; cp -r rules profiles "$work/$name/"
  cat >"$work/$name/config.yaml" <<CONF
listeners: [ { address: "127.0.0.1:$port" } ]
upstream: { address: "127.0.0.1:3100" }
profile: profiles/blinger.yaml
identity: [ { introspection: { path: /api/me, from: [ { cookie: session } ], account: \$.id, role: \$.role, groups: "\$.groups[*].title" } } ]
CONF
  RUST_LOG=error LD_PRELOAD=$preload taskset -c 0 "$binary" run --config "$work/$name/config.yaml" & pids+=($!)
  port_of[$name]="$port ${pids[-1]}"
  port=$((port + 1))
done
sleep 2

# A figure for the wrong answer is no figure.
expect() { curl -fsS -H "Cookie: session=$2" "$1" | grep -qF "$3" || { echo "wrong answer from $1 as $2" >&2; exit 1; }; }
expect "http://127.0.0.1:3101/api/small" trainee '"client_phone": "+3706'
for name in "${!port_of[@]}"; do
  read -r p _ <<<"${port_of[$name]}"
  expect "http://127.0.0.1:$p/api/small" supervisor '"client_phone": "+3706'
  expect "http://127.0.0.1:$p/api/small" trainee '"client_phone": "+999'
done

# CPU ticks of a process and its children (nginx serves from a worker).
ticks() { local sum=0 p; for p in "$1" $(pgrep -P "$1" || true); do sum=$((sum + $(awk '{print $14+$15}' "/proc/$p/stat"))); done; echo "$sum"; }
hz=$(getconf CLK_TCK)
measure() { # name pid url cookie
  local before after requests
  before=$(ticks "$2")
  requests=$(taskset -c 1 wrk -t1 -c32 -d"${seconds}s" -H "Cookie: session=$4" "$3" | awk '/requests in/ {print $1}')
  after=$(ticks "$2")
  awk -v n="$1" -v t=$((after - before)) -v hz="$hz" -v r="$requests" -v s="$seconds" \
    'BEGIN { printf "%-36s %8.0f req/s %8.1f us CPU/request\n", n, r / s, t / hz * 1e6 / r }'
}
for round in $(seq "$rounds"); do
  echo "round $round"
  for size in large small; do
    measure "nginx pass $size" "${pids[1]}" "http://127.0.0.1:3101/api/$size" trainee
    for name in "${!port_of[@]}"; do
      read -r p pid <<<"${port_of[$name]}"
      measure "$name pass $size" "$pid" "http://127.0.0.1:$p/api/$size" supervisor
      measure "$name mask $size" "$pid" "http://127.0.0.1:$p/api/$size" trainee
    done
  done
done
