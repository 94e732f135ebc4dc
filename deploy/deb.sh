#!/usr/bin/env bash
# Builds a Debian package below target/debian: the program, its unit, settings, man pages and completions. For releases.
# Needs Debian with dpkg-dev, and cargo-deb: cargo install cargo-deb --locked
set -euo pipefail
cd "$(dirname "$0")/.."

cargo build --release --locked --bin tokensmith
program=target/release/tokensmith
files=target/package
mkdir -p "$files/completions"
"$program" man "$files/man"
"$program" completions bash >"$files/completions/tokensmith"
"$program" completions zsh >"$files/completions/_tokensmith"
"$program" completions fish >"$files/completions/tokensmith.fish"
cp .env.example "$files/env"
cargo deb --no-build --package tokensmith
