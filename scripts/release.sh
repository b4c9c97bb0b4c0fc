#!/usr/bin/env bash
# Copyright (C) 2026 the overshootsink authors
# SPDX-License-Identifier: MPL-2.0

# Makes the files of a release from the current commit:
#     bash scripts/release.sh [--no-packages]
# - overshootsink-VERSION.tar.xz: the sources with those of all crates. It builds without a network: this is tried,
#   as root in a network namespace without any interface.
# - the Debian packages (scripts/package.sh)
# - an SBOM (CycloneDX) of the plugin, and of each program
# - SHA256SUMS
# They go to target/release-files. CHANGELOG.md must have a section for the version of Cargo.toml. It tags and publishes
# nothing.
set -euo pipefail
# shellcheck source=setup.sh
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

packages=true
[[ ${1:-} != --no-packages ]] || packages=false

cd "$repo"
check_rust
use_cache
[[ -z $(git status --porcelain) ]] || die "there are changes that are not committed: a release is made of a commit"
version=$(sed -n '/^\[workspace.package\]/,/^\[/s/^version *= *"\(.*\)"/\1/p' Cargo.toml)
grep -q "^## \[$version\] - [0-9-]*$" CHANGELOG.md \
    || die "CHANGELOG.md has no section '## [$version] - YYYY-MM-DD': cut it, or change the version in Cargo.toml"
name=overshootsink-$version
output=$repo/target/release-files
# The time of all files, so that the same commit gives the same bytes.
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
rm -rf "$output"
mkdir -p "$output"

say "sources of $name and of its crates"
mkdir "$scratch/$name"
git archive HEAD | tar -x -C "$scratch/$name"
(cd "$scratch/$name" && cargo vendor --quiet --locked vendor >/dev/null && mkdir -p .cargo && cat >>.cargo/config.toml) <<'END'

[source.crates-io]
replace-with = "vendored-sources"

[source.vendored-sources]
directory = "vendor"
END
tar -C "$scratch" --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" \
    --pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime -c "$name" \
    | xz -T2 -6 >"$output/$name.tar.xz"

say "building the plugin from it, without a network and without any crate of this machine"
mkdir "$scratch/offline"
tar -C "$scratch/offline" -xf "$output/$name.tar.xz"
offline=()
if ((EUID == 0)) && unshare --net true 2>/dev/null; then offline=(unshare --net); fi
(
    cd "$scratch/offline/$name"
    CARGO_HOME=$scratch/empty CARGO_TARGET_DIR=$cache/release-target \
        "${offline[@]}" cargo build --locked --offline --quiet -p gst-plugin-overshoot
)
GST_REGISTRY=$scratch/registry GST_PLUGIN_PATH=$cache/release-target/debug gst-inspect-1.0 overshootsink >/dev/null \
    || die "the plugin that was built from the archive does not load"

say "SBOMs"
install_cargo_tool cargo-cyclonedx 0.5.9
(
    cd "$scratch/$name"
    # Vendored crates have no address of a registry.
    git -C "$repo" show HEAD:.cargo/config.toml >.cargo/config.toml
    cargo cyclonedx --quiet --format json --spec-version 1.5 --target x86_64-unknown-linux-gnu
)
for part in gst-plugin-overshoot: overshoot-cameras:examples/cameras overshoot-emulator:examples/emulator \
    overshoot-webapp:examples/webapp; do
    sed "s#path+file://$scratch/$name#path+file:///usr/src/overshootsink#g" \
        "$scratch/$name/${part#*:}/${part%%:*}.cdx.json" >"$output/${part%%:*}-$version.cdx.json"
done

if $packages; then
    bash scripts/package.sh
    cp target/packages/*.deb "$output/"
fi

(cd "$output" && sha256sum -- * >SHA256SUMS)
say "done: $output"
ls -l "$output" >&2
