#!/usr/bin/env bash
# Builds target/x86_64-unknown-linux-musl/release/tokensmith, a static binary for releases. Needs rustup and musl's C compiler (Debian: apt-get install musl-tools).
set -euo pipefail
cd "$(dirname "$0")/.."

target=$(uname -m)-unknown-linux-musl
rustup target add "$target"
export CC_x86_64_unknown_linux_musl=musl-gcc CC_aarch64_unknown_linux_musl=musl-gcc
cargo build --release --locked --target "$target" --bin tokensmith
binary=target/$target/release/tokensmith

# It must start in an empty root.
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
cp "$binary" "$root/tokensmith"
unshare --user --map-root-user chroot "$root" /tokensmith --version
ls -lh "$binary"
