#!/usr/bin/env bash
# Builds target/x86_64-unknown-linux-musl/release/tokensmith, a static binary for releases. Needs rustup, musl's C compiler
# (Debian: apt-get install musl-tools) and curl.
set -euo pipefail
cd "$(dirname "$0")/.."

target=$(uname -m)-unknown-linux-musl
[ -d "$(rustc --print sysroot)/lib/rustlib/$target" ] || rustup target add "$target"
export CC_x86_64_unknown_linux_musl=musl-gcc CC_aarch64_unknown_linux_musl=musl-gcc
cargo build --release --locked --target "$target" --bin tokensmith
binary=target/$target/release/tokensmith

# It must start in an empty root, and log in a user.
root=$(mktemp -d)
cp "$binary" "$root/tokensmith"
export LISTEN=127.0.0.1:${PORT:-8080}
inside=(unshare --user --map-root-user chroot "$root")
"${inside[@]}" /tokensmith >"$root/printed" &
server=$!
trap 'kill $server; wait $server; rm -rf "$root"' EXIT
for _ in {1..100}; do
    if "${inside[@]}" /tokensmith healthcheck 2>/dev/null; then break; fi
    sleep 0.1
done
(cd "$root" && sh -c "$(grep -m1 curl printed)" | grep access_token)
ls -lh "$binary"
