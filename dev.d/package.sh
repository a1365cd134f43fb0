# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# "package": the Debian package, made of what "make dist" packs, by debian/. tests/package tries it on a machine of its own.

command_package() {
    packages_install "${PACKAGES_BUILD[@]}"
    build_default
    build_package
    say "$(echo "$BUILD_DIR"/package/*.deb)"
}

# The tree as it is packed, and the package beside it. "make check" is others' affair.
build_package() {
    local dir=$BUILD_DIR/package
    packages_install "${PACKAGES_PACKAGE[@]}"
    rm -rf "$dir"
    mkdir -p "$dir"
    (
        flock 9
        build_in "$BUILD_DIR" make distdir >"$dir/distdir.log" 2>&1 || build_failed "$dir/distdir.log"
        mv "$BUILD_DIR"/todo-fcgi-[0-9]* "$dir/"
    ) 9>"$BUILD_DIR/.lock"
    (cd "$dir"/todo-fcgi-[0-9]* && DEB_BUILD_OPTIONS="nocheck parallel=$(nproc)" dpkg-buildpackage -us -uc) \
        >"$dir/build.log" 2>&1 || build_failed "$dir/build.log"
}
