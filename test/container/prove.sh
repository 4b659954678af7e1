#!/usr/bin/env bash
# Proves the Dockerfile without a container engine: carries its steps out in a plain Debian 13 tree, and runs the result
# as a container would: process 1 of its own namespaces, not root, no capabilities, read-only file system, a network of
# its own.
#
#   sudo test/container/prove.sh                    everything, from nothing: about two minutes, 2 GB below the folder
#   PROOF=/var/tmp/proof sudo -E test/container/prove.sh   keeps its trees there; the Debian tree is not made again
#   DEBIAN_MIRROR=... NODE_MAJOR=24                        other than debootstrap's own mirror, and Node 24
#
# Needs Linux, root, debootstrap, iproute2, openssl, Node and npm, and this checkout with `npm ci` done.
# Not proven: that the official Node image is like this tree (Debian 13 minbase, the same Node from npm, user 1000), the
# layers and metadata of a real engine, its seccomp and AppArmor profiles, and any platform but this machine's.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
node_major=${NODE_MAJOR:-24}

[ "$(id -u)" = 0 ] || { echo "prove.sh: needs root, for debootstrap and chroot" >&2; exit 1; }
for tool in debootstrap unshare nsenter ip openssl node npm; do
  command -v "$tool" >/dev/null || { echo "prove.sh: $tool not found" >&2; exit 1; }
done

if [ -n "${PROOF:-}" ]; then
  proof=$PROOF
  mkdir -p "$proof"
else
  proof=$(mktemp -d)
  trap 'rm -rf "$proof"' EXIT
fi

# What stands for node:24-trixie-slim: Debian 13, Node and npm in /usr/local, user `node` with id 1000.
base=$proof/base
if [ ! -e "$base/usr/local/bin/npm" ]; then
  rm -rf "$base" "$proof/npm"
  echo "Debian 13 by debootstrap ..." >&2
  debootstrap --variant=minbase trixie "$base" ${DEBIAN_MIRROR:+"$DEBIAN_MIRROR"} >"$proof/debootstrap.log"
  chroot "$base" useradd --uid 1000 --create-home --shell /bin/bash node
  case $(uname -m) in
    x86_64) arch=x64 ;;
    aarch64) arch=arm64 ;;
    *) echo "prove.sh: no Node for $(uname -m)" >&2; exit 1 ;;
  esac
  mkdir -p "$proof/npm" "$base/usr/local/lib/node_modules"
  npm install --prefix "$proof/npm" --no-save --no-audit --no-fund --ignore-scripts \
    "node-linux-$arch@$node_major" npm@11 >&2
  install -m 755 "$proof/npm/node_modules/node-linux-$arch/bin/node" "$base/usr/local/bin/node"
  cp -a "$proof/npm/node_modules/npm" "$base/usr/local/lib/node_modules/npm"
  ln -s ../lib/node_modules/npm/bin/npm-cli.js "$base/usr/local/bin/npm"
  chmod +x "$base/usr/local/lib/node_modules/npm/bin/npm-cli.js"
fi
describe='. /etc/os-release
  echo "$PRETTY_NAME, $(ldd --version | head -n 1), Node $(node --version), npm $(npm --version)"'
echo "base tree: $(chroot "$base" /bin/sh -c "$describe")"

rm -rf "$proof/stages"
node "$here/build-image.mjs" "$base" "$proof/stages" >"$proof/image.json"
node "$here/run-image.mjs" "$proof/image.json" "$base"
