#!/usr/bin/env bash
# What does a request cost in the whole process, beside nginx passing the same answer through?
#
# nginx as the origin; nginx as a proxy, the gateway passing the answer through (a caller who is exempt) and the gateway
# masking it, for answers of 100 KB and 2 KB, plain and in gzip (compressed at rest by the origin; whoever masks has to
# undo and redo it), over HTTP/1.1 and over TLS with HTTP/2. One worker each, on a core of its own; origin and load generator are on the other. Rounds alternate;
# the table shows medians. The figure to trust is CPU time per request of the process under test (utime + stime over the
# requests that the load generator counted); requests per second suffer from other load.
#
#   benches/proxy.sh [ROUNDS] [SECONDS]      # needs nginx-light, wrk, nghttp2-client, openssl; binaries from ALLOCATORS
#
# ALLOCATORS is a list of name=binary or name=binary:library, the library being preloaded into a binary that was built
# with `--features system-allocator`; the default is chatwarden=target/release/chatwarden.
set -euo pipefail
cd "$(dirname "$0")/.."
rounds=${1:-3} seconds=${2:-4}
read -ra binaries <<<"${ALLOCATORS:-chatwarden=${CARGO_TARGET_DIR:-target}/release/chatwarden}"
work=$(mktemp -d)
chmod 755 "$work" # nginx's worker is another user
pids=()
cleanup() { kill "${pids[@]}" 2>/dev/null || true; wait 2>/dev/null || true; rm -rf "$work"; }
trap cleanup EXIT

mkdir -p "$work/www/api"
python3 - "$work/www/api" <<'PY'
import gzip, json, sys
def message(n):
    return {"id": n, "conversation_id": n % 97, "client_name": f"Anna Kowalska {n}", "client_phone": f"+3706{n:07d}",
            "client_email": f"anna{n}@example.com", "from_user": {"title": f"Anna {n}", "service_user_id": f"@anna{n}",
            "avatar": f"https://cdn.example.com/{n}.jpg"}, "text": "Hello, where is my order?\nThank you — \u2764", "date": 1795300000000 + n}
for name, size in (("large", 100_000), ("small", 2_000)):
    rows, n = [], 0
    while len(json.dumps(rows)) < size:
        rows.append(message(n)); n += 1
    page = json.dumps({"status": 200, "data": rows}).encode()
    open(f"{sys.argv[1]}/{name}", "wb").write(page)
    open(f"{sys.argv[1]}/{name}.gz", "wb").write(gzip.compress(page, 6))
PY
printf '{"id":1003,"role":"operator","groups":[{"title":"Trainees"}]}' >"$work/www/api/me-trainee"
printf '{"id":1002,"role":"operator","groups":[{"title":"Supervisors"}]}' >"$work/www/api/me-supervisor"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=a.example \
  -addext subjectAltName=DNS:a.example -keyout "$work/key.pem" -out "$work/cert.pem" 2>/dev/null
cat >"$work/nginx.conf" <<CONF
worker_processes 1; daemon off; pid $work/nginx.pid; error_log $work/error.log;
events { worker_connections 1024; }
http {
  access_log off; keepalive_requests 1000000; default_type application/json; gzip_static on;
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
  ssl_certificate $work/cert.pem; ssl_certificate_key $work/key.pem;
  server { listen 127.0.0.1:3101; listen 127.0.0.1:3102 ssl http2; location / { proxy_pass http://origin; proxy_http_version 1.1; proxy_set_header Connection ""; } }
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
listeners:
  - { address: "127.0.0.1:$port" }
  - { address: "127.0.0.1:$((port + 1))", tls: [ { cert: $work/cert.pem, key: $work/key.pem } ] }
limits: { requests_per_client: 100000000/m, requests_per_account: 100000000/m }
upstream: { address: "127.0.0.1:3100" }
profile: profiles/blinger.yaml
identity: [ { introspection: { path: /api/me, from: [ { cookie: session } ], account: \$.id, role: \$.role, groups: "\$.groups[*].title" } } ]
CONF
  TOKIO_WORKER_THREADS=1 RUST_LOG=error LD_PRELOAD=$preload taskset -c 0 "$binary" run --config "$work/$name/config.yaml" & pids+=($!)
  port_of[$name]="$port ${pids[-1]}"
  port=$((port + 2))
done
sleep 2

# A figure for the wrong answer is no figure.
expect() {
  curl -fsSk --compressed -H "Accept-Encoding: $4" -H "Cookie: session=$2" "$1" | grep -qF "$3" ||
    { echo "wrong answer from $1 as $2" >&2; exit 1; }
}
for coding in identity gzip; do
  expect "http://127.0.0.1:3101/api/small" trainee '"client_phone": "+3706' $coding
  for name in "${!port_of[@]}"; do
    read -r p _ <<<"${port_of[$name]}"
    expect "http://127.0.0.1:$p/api/small" supervisor '"client_phone": "+3706' $coding
    expect "http://127.0.0.1:$p/api/small" trainee '"client_phone": "+999' $coding
    expect "https://127.0.0.1:$((p + 1))/api/small" trainee '"client_phone": "+999' $coding
  done
done

# CPU ticks of a process and its children (nginx serves from a worker).
ticks() { local sum=0 p; for p in "$1" $(pgrep -P "$1" || true); do sum=$((sum + $(awk '{print $14+$15}' "/proc/$p/stat"))); done; echo "$sum"; }
hz=$(getconf CLK_TCK)
# How many requests were answered, by HTTP/1.1 or by HTTP/2 under TLS.
load() { # protocol port cookie size coding
  local fields=(-H "Cookie: session=$3" -H "Accept-Encoding: $5")
  if [[ $1 == h1 ]]; then
    taskset -c 1 wrk -t1 -c32 -d"${seconds}s" "${fields[@]}" "http://127.0.0.1:$2/api/$4" | awk '/requests in/ {print $1}'
  else
    taskset -c 1 h2load -t1 -c8 -m4 -D"$seconds" "${fields[@]}" "https://127.0.0.1:$2/api/$4" |
      sed -n 's/^status codes: \([0-9]*\) 2xx.*/\1/p'
  fi
}
measure() { # who pid protocol port cookie size coding
  local before after requests
  before=$(ticks "$2")
  requests=$(load "$3" "$4" "$5" "$6" "$7")
  after=$(ticks "$2")
  awk -v n="$1" -v over="$3" -v size="$6" -v coding="$7" -v t=$((after - before)) -v hz="$hz" -v r="$requests" -v s="$seconds" \
    'BEGIN { printf "%s\t%s\t%s\t%s\t%.0f\t%.1f\n", size, over, coding, n, r / s, t / hz * 1e6 / r }' | tee -a "$work/figures" >&2
}
for round in $(seq "$rounds"); do
  echo "round $round" >&2
  for over in h1 h2; do
    shift_of_port=0
    [[ $over == h2 ]] && shift_of_port=1
    for coding in identity gzip; do
      for size in large small; do
        measure "nginx pass" "${pids[1]}" $over $((3101 + shift_of_port)) trainee "$size" "$coding"
        for name in "${!port_of[@]}"; do
          read -r p pid <<<"${port_of[$name]}"
          measure "$name pass" "$pid" $over $((p + shift_of_port)) supervisor "$size" "$coding"
          measure "$name mask" "$pid" $over $((p + shift_of_port)) trainee "$size" "$coding"
        done
      done
    done
  done
done

python3 - "$work/figures" <<'PY'
import statistics, sys
runs = {}
for line in open(sys.argv[1]):
    size, over, coding, who, rate, cpu = line.rstrip("\n").split("\t")
    runs.setdefault((size, over, coding, who), []).append((float(rate), float(cpu)))
bars = {("large", "pass"): 1.3, ("large", "mask"): 1.5, ("small", "pass"): 1.5, ("small", "mask"): 1.6}
print("| answer | over | coding | who | req/s | CPU us/request | best | x nginx | bar |\n|---|---|---|---|---|---|---|---|---|")
for (size, over, coding, who), figures in runs.items():
    rate, cpu = (statistics.median(column) for column in zip(*figures))
    nginx = statistics.median(cpu for _, cpu in runs[size, over, coding, "nginx pass"])
    # The bars are of plain pages.
    bar = bars.get((size, who.split()[-1])) if coding == "identity" and who != "nginx pass" else None
    name = {"large": "100 KB", "small": "2 KB"}[size]
    way = {"h1": "HTTP/1.1", "h2": "TLS, HTTP/2"}[over]
    best = min(cpu for _, cpu in figures)
    print(f"| {name} | {way} | {coding} | {who} | {rate:.0f} | {cpu:.1f} | {best:.1f} | {cpu / nginx:.2f} | {bar or ''} |")
PY
