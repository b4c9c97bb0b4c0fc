# Copyright (C) 2026 the overshootsink authors
# SPDX-License-Identifier: MPL-2.0

# Sourced after setup.sh by the scripts that need another Debian than this one: a folder with its files, and commands
# that run in there. Needs root. Folders and downloads stay in the cache, so that a second run is quick.
# shellcheck shell=bash

# make_tree SUITE FOLDER: installs a minimal Debian in the folder, if that is not there yet.
make_tree() {
    local suite=$1 folder=$2 mirror
    ((EUID == 0)) || die "run this as root: only root can install a Debian in a folder and run programs in it"
    install_packages debootstrap debian-archive-keyring
    if [[ ! -d $folder ]]; then
        # The mirror of this system.
        mirror=$(apt-get indextargets --format '$(REPO_URI)' "Created-By: Packages" "Origin: Debian" \
            | grep -v security | head -n 1) || true
        mirror=${mirror:-http://deb.debian.org/debian}
        say "installing Debian $suite from $mirror in $folder"
        rm -rf "$folder.part"
        debootstrap --variant=minbase "$suite" "$folder.part" "$mirror" >"$folder.log" \
            || { tail -n 20 "$folder.log" >&2; die "debootstrap failed (see above, and $folder.log)"; }
        # Downloads use the proxies and certificates of this system.
        apt-config dump | grep '^Acquire::' >"$folder.part/etc/apt/apt.conf.d/90host"
        # So that downloads can go to a folder of this system.
        echo 'APT::Sandbox::User "root";' >>"$folder.part/etc/apt/apt.conf.d/90host"
        mkdir -p "$folder.part/usr/local/share/ca-certificates"
        cp -R /usr/local/share/ca-certificates/. "$folder.part/usr/local/share/ca-certificates"
        if [[ -e /etc/pip.conf ]]; then cp /etc/pip.conf "$folder.part/etc"; fi
        mv "$folder.part" "$folder"
    fi
    cp -L /etc/resolv.conf /etc/hosts "$folder/etc"
}

# in_tree FOLDER [share=PATH | read=PATH]... -- COMMAND...: runs a command in the folder, in namespaces of its own: all
# mounts and processes end with the command, which sees no devices. The paths of this system are there at the same place, writable or not.
# With fresh=PATH the folder stays as it is: changes go to memory, and are gone at the end. Downloads of apt are kept in
# PATH.
in_tree() {
    local folder=$1 shares=()
    shift
    while [[ $1 != -- ]]; do shares+=("$1"); shift; done
    shift
    # shellcheck disable=SC2016
    unshare --mount --pid --fork --kill-child bash -c '
        set -euo pipefail
        root=$1
        shift
        shares=() downloads=
        while [[ $1 != -- ]]; do
            case $1 in
                fresh=*) downloads=${1#fresh=} ;;
                *) shares+=("$1") ;;
            esac
            shift
        done
        shift
        if [[ -n $downloads ]]; then
            # Nobody else sees this mount.
            mount -t tmpfs tmpfs /mnt
            mkdir /mnt/upper /mnt/work /mnt/root
            mount -t overlay overlay -o "lowerdir=$root,upperdir=/mnt/upper,workdir=/mnt/work" /mnt/root
            root=/mnt/root
            mkdir -p "$downloads/partial"
            mount --bind "$downloads" "$root/var/cache/apt/archives"
        else
            # `pivot_root` and `ip netns` need a / that is a mount point.
            mount --bind "$root" "$root"
        fi
        mount -t proc proc "$root/proc"
        mount -t sysfs sysfs "$root/sys"
        mount -t tmpfs tmpfs "$root/tmp"
        mount -t tmpfs -o mode=755 tmpfs "$root/dev"
        mkdir "$root/dev/pts" "$root/dev/shm"
        mount -t devpts -o newinstance,ptmxmode=666 devpts "$root/dev/pts"
        ln -s pts/ptmx "$root/dev/ptmx"
        ln -s /proc/self/fd "$root/dev/fd"
        chmod 1777 "$root/dev/shm"
        for device in null zero full random urandom tty; do
            touch "$root/dev/$device"
            mount --bind "/dev/$device" "$root/dev/$device"
        done
        for share in "${shares[@]}"; do
            path=${share#*=}
            if [[ -d $path ]]; then mkdir -p "$root$path"; else install -D /dev/null "$root$path"; fi
            mount --rbind "$path" "$root$path"
            if [[ $share == read=* ]]; then mount -o remount,bind,ro "$root$path"; fi
        done
        # Only in a real root, programs may make user namespaces, as services do.
        cd "$root"
        pivot_root . mnt
        umount -l /mnt
        exec env -i HOME=/root LANG=C.UTF-8 TERM="${TERM:-dumb}" DEBIAN_FRONTEND=noninteractive \
            PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@"
    ' bash "$folder" "${shares[@]}" -- "$@"
}
