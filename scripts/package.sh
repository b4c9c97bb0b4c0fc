#!/usr/bin/env bash
# Copyright (C) 2026 the overshootsink authors
# SPDX-License-Identifier: MPL-2.0

# Builds the Debian packages gstreamer1.0-overshoot and overshoot-tools for Debian 12 and newer:
#     bash scripts/package.sh           for this machine
#     bash scripts/package.sh arm64     for another architecture, as root: in a folder with Debian 12
# On Debian 12 it builds on the system itself, elsewhere (as root) in a folder with Debian 12, whose libraries the
# packages need. They go to target/packages. Nothing in them depends on where the clone is, so the same commit,
# with the same Rust, should give the same bytes: docs/install.md says for what this was tried. Debian's files, downloads
# and builds stay in OVERSHOOT_TEST_CACHE (default ~/.cache/overshootsink).
# Whoever publishes the packages sets DEBFULLNAME and DEBEMAIL, their maintainer. Without these, the maintainer has an
# address that cannot exist.
set -euo pipefail
# shellcheck source=setup.sh
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
# shellcheck source=debian-tree.sh
source "$repo/scripts/debian-tree.sh"

# What to build with. The second part has an architecture.
tools=(build-essential debhelper git jq pkg-config ca-certificates)
libraries=(libgstreamer1.0-dev libgstreamer-plugins-base1.0-dev libgstreamer-plugins-bad1.0-dev libssl-dev)

native=$(dpkg --print-architecture)
here=false
if [[ ${1:-} == --here ]]; then here=true; shift; fi
architecture=${1:-$native}
case $architecture in
    amd64) target=x86_64-unknown-linux-gnu ;;
    arm64) target=aarch64-unknown-linux-gnu ;;
    *) die "there are packages for amd64 and arm64, not for $architecture" ;;
esac
check_rust
use_cache
output=$repo/target/packages

# Paths of this machine in messages of panics would make the bytes depend on where the clone is.
export_flags() {
    local home=${CARGO_HOME:-$HOME/.cargo} registry flags
    flags=("--remap-path-prefix=$CARGO_TARGET_DIR=/usr/src/target" "--remap-path-prefix=$repo=/usr/src/overshootsink")
    for registry in "$home"/registry/src/*; do flags+=("--remap-path-prefix=$registry=/usr/src/crates"); done
    CARGO_ENCODED_RUSTFLAGS=$(IFS=$'\x1f'; echo "${flags[*]}")
    export CARGO_ENCODED_RUSTFLAGS
    # The same for C and assembly.
    export CFLAGS="-ffile-prefix-map=$CARGO_TARGET_DIR=/usr/src/target -ffile-prefix-map=$home=/usr/src"
    # The plugin's version has the commit, which git abbreviates by the number of objects in the clone.
    export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=core.abbrev GIT_CONFIG_VALUE_0=12
    if [[ $architecture != "$native" ]]; then
        local triplet
        triplet=$(dpkg-architecture -a "$architecture" -q DEB_HOST_MULTIARCH 2>/dev/null)
        export PKG_CONFIG_LIBDIR=/usr/lib/$triplet/pkgconfig:/usr/share/pkgconfig PKG_CONFIG_ALLOW_CROSS=1
        export "CARGO_TARGET_$(tr a-z- A-Z_ <<<"$target")_LINKER=$triplet-gcc"
    fi
}

compile() {
    local profile=(--locked --profile dist --target "$target")
    say "compiling for $architecture (the first time up to an hour on two cores)"
    # By itself: beside the programs it would have their features of shared crates. As a cdylib alone: otherwise Cargo
    # does not optimise across crates.
    cargo rustc "${profile[@]}" -p gst-plugin-overshoot --lib --crate-type cdylib
    cargo build "${profile[@]}" -p overshoot-cameras -p overshoot-emulator -p overshoot-webapp
}

# third_party CARGO-PACKAGE...: the Rust libraries in these, with their licences and notices.
third_party() {
    local packages=() name version licence folder file sum
    local -A printed=()
    for name in "$@"; do packages+=(-p "$name"); done
    echo "Rust's standard library: MIT OR Apache-2.0, https://www.rust-lang.org"
    while read -r name version licence; do
        folder=$(echo "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*/"$name-${version#v}")
        printf '\n==== %s %s: %s\n' "$name" "$version" "$licence"
        for file in "$folder"/{LICEN[CS]E,COPYING,COPYRIGHT,NOTICE,UNLICENSE}*; do
            [[ -f $file ]] || continue
            sum=$(sha256sum <"$file")
            if [[ -n ${printed[$sum]:-} ]]; then
                echo "${file##*/}: the same as that of ${printed[$sum]}"
            else
                printed[$sum]=$name
                printf '%s:\n' "${file##*/}"
                cat "$file"
            fi
        done
    done < <(cargo tree --locked "${packages[@]}" --target "$target" -e normal --prefix none -f '{p} {l}' \
        | grep -v -e "($repo" -e '(proc-macro)' | sed 's/ (\*)$//' | LC_ALL=C sort -u)
}

# set_maintainer FILE: writes the one of the environment into a control file, if there is one.
set_maintainer() {
    [[ -n ${DEBEMAIL:-} ]] || return 0
    local name='^[^<>@|&\]+$' address='^[^<>@|&\ ]+@[^<>@|&\ ]+$'
    [[ $DEBEMAIL =~ $address ]] || die "DEBEMAIL must be an address and nothing else: name@example.org"
    [[ ${DEBFULLNAME:-} =~ $name ]] || die "with DEBEMAIL, set DEBFULLNAME to the name"
    sed -i "s|^Maintainer: .*|Maintainer: $DEBFULLNAME <$DEBEMAIL>|" "$1"
}

# Puts packages together in a folder of their own, from what was compiled, by debhelper.
assemble() {
    local version epoch built=$CARGO_TARGET_DIR/$target/dist
    # Not local, as the trap runs outside.
    stage=$(mktemp -d)
    trap 'rm -rf "$stage"' EXIT
    epoch=${SOURCE_DATE_EPOCH:-$(git -C "$repo" log -1 --format=%ct)}
    # Every date in a package is at most this one.
    export SOURCE_DATE_EPOCH=$epoch
    version=$(cargo metadata --locked --no-deps --format-version 1 \
        | jq -r '.packages[] | select(.name == "gst-plugin-overshoot").version')
    mkdir "$stage/source"
    cd "$stage/source"
    cp -R "$repo/packaging/." .
    install -D -t bin "$built"/{overshoot-cameras,overshoot-emulator,overshoot-webapp,libgstovershoot.so}
    (cd "$repo" && cp -R --parents README.md CHANGELOG.md docs examples/{cameras,emulator,webapp}/README.md \
        examples/cameras/cameras.toml examples/*/man "$stage/source")
    set_maintainer debian/control
    cat >debian/changelog <<END
overshootsink ($version) unstable; urgency=medium

  * CHANGELOG.md lists the changes.

 -- $(sed -n 's/^Maintainer: //p' debian/control)  $(date -u -R -d "@$epoch")
END
    mkdir gstreamer1.0-overshoot overshoot-tools
    (cd "$repo" && third_party gst-plugin-overshoot) >gstreamer1.0-overshoot/third-party
    (cd "$repo" && third_party overshoot-cameras overshoot-emulator overshoot-webapp) >overshoot-tools/third-party
    # The times of a checkout are those of the checkout.
    find . -exec touch --no-dereference --date="@$epoch" {} +
    say "building the packages of version $version"
    dpkg-buildpackage --build=binary --no-sign --host-arch "$architecture" --no-check-builddeps >../log 2>&1 \
        || { tail -n 30 ../log >&2; die "dpkg-buildpackage failed (see above)"; }
    mkdir -p "$output"
    cp ../*.deb ../*.changes ../*.buildinfo "$output"
    (cd "$output" && sha256sum -- *"_${version}_$architecture.deb" >&2)
    say "the packages are in $output"
}

in_debian_12() {
    # shellcheck source=/dev/null
    [[ $architecture == "$native" ]] && (. /etc/os-release && [[ $ID == debian && $VERSION_ID == 12 ]])
}

if [[ $here == true ]] || in_debian_12; then
    if [[ $architecture == "$native" ]]; then
        install_packages "${tools[@]}" "${libraries[@]}"
    else
        dpkg --add-architecture "$architecture"
        install_packages "${tools[@]}" "crossbuild-essential-$architecture" "${libraries[@]/%/:$architecture}"
    fi
    cd "$repo"
    cargo fetch --locked --target "$target"
    export_flags
    compile
    assemble
    exit
fi

tree=$cache/debian-bookworm-$architecture
exec {lock}>"$tree.lock"
flock "$lock"
make_tree bookworm "$tree"
if [[ ! -d $(rustc --print sysroot)/lib/rustlib/$target ]]; then
    rustup target add "$target" || die "this Rust has no standard library for $target. With rustup: rustup target add $target"
fi
sysroot=$(rustc --print sysroot)
cargo_home=${CARGO_HOME:-$HOME/.cargo}
git_folder=$(git -C "$repo" rev-parse --path-format=absolute --git-common-dir)
mkdir -p "$cargo_home" "$CARGO_TARGET_DIR" "$output"
in_tree "$tree" "read=$sysroot" "share=$cargo_home" "read=$repo" "read=$git_folder" "share=$output" \
    "share=$CARGO_TARGET_DIR" -- \
    env PATH="$sysroot/bin:/usr/sbin:/usr/bin:/sbin:/bin" CARGO_HOME="$cargo_home" \
    DEBFULLNAME="${DEBFULLNAME:-}" DEBEMAIL="${DEBEMAIL:-}" \
    CARGO_TARGET_DIR="$CARGO_TARGET_DIR" OVERSHOOT_TEST_CACHE=/var/cache/overshootsink \
    bash "$repo/scripts/package.sh" --here "$architecture"
