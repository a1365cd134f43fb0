# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# "package": the Debian package, made of what "make dist" packs, by debian/. tests/package tries it on a machine of its own.

command_package() {
    local dir=$BUILD_DIR/package
    packages_install "${PACKAGES_BUILD[@]}" "${PACKAGES_PACKAGE[@]}"
    build_default
    rm -rf "$dir"
    package_build "$dir"
    say "$(echo "$dir"/*.deb)"
}

# package_build DIR: the tree as it is packed, and the package beside it. The tests of what is packed have been run by others.
package_build() {
    local dir=$1
    mkdir -p "$dir"
    (
        flock 9
        build_in "$BUILD_DIR" make distdir >"$dir/distdir.log" 2>&1 || build_failed "$dir/distdir.log"
        mv "$BUILD_DIR"/todo-fcgi-[0-9]* "$dir/"
    ) 9>"$BUILD_DIR/.lock"
    (cd "$dir"/todo-fcgi-[0-9]* && DEB_BUILD_OPTIONS="nocheck parallel=$(nproc)" dpkg-buildpackage -us -uc) \
        >"$dir/build.log" 2>&1 || build_failed "$dir/build.log"
}
