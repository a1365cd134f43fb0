# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# The Debian packages that each command needs, and how the missing ones come: as root by apt-get, else through sudo, else
# by the person who reads the one line that is printed.

PACKAGES_BUILD=(
    autoconf automake gcc libc6-dev make pkg-config python3 python3-yaml
    libbson-dev libcurl4-openssl-dev libfcgi-dev libhiredis-dev libjansson-dev libmongoc-dev libsqlite3-dev libssl-dev libuv1-dev
    libxxhash-dev uthash-dev zlib1g-dev
)
PACKAGES_RUN=(curl multiwatch nginx procps redis-server spawn-fcgi)
PACKAGES_TEST=(
    brotli chromium chromium-driver clang clang-format-14 libclang-rt-14-dev libcmocka-dev libeatmydata1 libfcgi-bin
    liblua5.1-0-dev libnginx-mod-http-brotli-static libssl-dev logrotate openssl prometheus python3-hpack python3-pytest python3-selenium
    python3-venv shellcheck spin universal-ctags varnish varnish-modules
)
# What builds the Debian package, and looks at it.
PACKAGES_PACKAGE=(brotli debhelper dpkg-dev faketime lintian)
# What "make distcheck" needs beside PACKAGES_BUILD and PACKAGES_RUN.
PACKAGES_DISTCHECK=(libcmocka-dev liblua5.1-0-dev spin xz-utils)
# What `bench ladder` compares with.
PACKAGES_LADDER=(libnginx-mod-http-lua lua-nginx-redis)

# A Node or npm of any version and origin is good enough.
package_missing() {
    case $1 in
    nodejs) ! command -v node >/dev/null ;;
    npm) ! command -v npm >/dev/null ;;
    *) [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" != installed ] ;;
    esac
}

packages_install() {
    local package missing=() line
    for package in "$@"; do
        ! package_missing "$package" || missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0

    line="apt-get install -y --no-install-recommends ${missing[*]}"
    say "Missing packages: ${missing[*]}"
    if [ "$(id -u)" = 0 ]; then
        packages_apt "" "$line"
    elif command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then
        packages_apt "sudo" "$line"
    else
        say "Install them, then run this again:"
        say "    $line"
        exit 1
    fi
}

packages_apt() {
    local sudo=$1 line=$2
    # Unquoted on purpose: both are words to be split.
    # shellcheck disable=SC2086
    $sudo apt-get update -q || say "apt-get update failed; going on with the lists that are there."
    # shellcheck disable=SC2086
    $sudo env DEBIAN_FRONTEND=noninteractive $line || die "apt-get failed; the line was: $line"
    if [ -d /run/systemd/system ]; then
        say "Debian starts what it installs: nginx, redis-server, prometheus. Nothing here uses these services; to keep one off:"
        say "    systemctl disable --now nginx"
    fi
}
