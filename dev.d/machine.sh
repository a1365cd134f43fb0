# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# "build machine": the base of the machines of tests/package, by mmdebstrap: Debian 12 with systemd, nginx and redis-server, and
# in apt's cache the archives of what the tests install on them. It is made anew each day, or when the lists change.

MACHINE_MIRROR=http://deb.debian.org/debian
MACHINE_PACKAGES=(ca-certificates curl dbus iproute2 nginx procps redis-server systemd systemd-sysv)

# Their own dependencies and recommendations are what an installation of the package brings.
MACHINE_ARCHIVES=(libfcgi0ldbl libmongoc-1.0-0 "${PACKAGES_RUN[@]}")

build_machine() {
    local dir=$BUILD_DIR/machine wanted
    local build=("${PACKAGES_BUILD[@]}" "${PACKAGES_DISTCHECK[@]}")
    wanted="$(date +%F) ${MACHINE_PACKAGES[*]} ${MACHINE_ARCHIVES[*]} ${build[*]}"
    [ "$(cat "$dir/wanted" 2>/dev/null)" != "$wanted" ] || return 0
    packages_install mmdebstrap systemd-container
    rm -rf "$dir"
    mkdir -p "$dir"
    # Root in place of _apt: the folder of the checkout may be closed to others.
    mmdebstrap --variant=apt --skip=cleanup/apt,cleanup/reproducible --aptopt='APT::Sandbox::User "root"' \
        --include="$(IFS=, && echo "${MACHINE_PACKAGES[*]}")" \
        --chrooted-customize-hook="apt-get install -y --download-only --no-install-recommends ${build[*]}" \
        --chrooted-customize-hook="apt-get install -y --download-only --install-recommends ${MACHINE_ARCHIVES[*]}" \
        bookworm "$dir/root" "deb $MACHINE_MIRROR bookworm main" "deb $MACHINE_MIRROR bookworm-updates main" \
        "deb ${MACHINE_MIRROR}-security bookworm-security main" >"$dir/build.log" 2>&1 || build_failed "$dir/build.log"
    printf '%s\n' "$wanted" >"$dir/wanted"
}
