# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# autogen, configure and make, out of tree. A folder is configured anew if configure or its flags have changed.
# "build" alone builds into build/; tests/runner asks for the other kinds, which need that one first.

command_build() {
    case ${1-default} in
    default)
        packages_install "${PACKAGES_BUILD[@]}"
        build_default
        ;;
    tests) build_into "$BUILD_DIR" "--enable-werror" check TESTS= ;;
    sanitized | failpoints | sim | fuzz | package | machine) "build_$1" ;;
    lint-tools | browser-tools | mongod) tools_install "$1" ;;
    *) die "no such build: $1" ;;
    esac
}

# With BUILD=no what is in the folder is taken as it is.
build_default() {
    [ "${BUILD-}" != no ] || return 0
    build_into "$BUILD_DIR" "--enable-werror"
}

# The same sources under AddressSanitizer and UndefinedBehaviorSanitizer: the end-to-end tests run these.
build_sanitized() {
    build_into "$ROOT/build-asan" "--enable-werror --enable-sanitizers"
}

# The same sources with places at which workers can be told to die, dawdle or leave out a rule: tests/faults runs these.
build_failpoints() {
    build_into "$ROOT/build-failpoints" "--enable-werror --enable-failpoints"
}

# The simulator stands on the same build.
build_sim() {
    build_failpoints
    build_into "$ROOT/build-failpoints" "--enable-werror --enable-failpoints" tests/sim/sim
}

# What tests/fuzz links, by clang for libFuzzer. Its warnings are other ones than gcc has, so they stop nothing.
build_fuzz() {
    build_into "$ROOT/build-fuzz" "--enable-fuzzers CC=clang" fuzzers
}

# build_into DIR FLAGS [TARGET...]
build_into() {
    local dir=$1 flags=$2
    shift 2
    mkdir -p "$dir"
    # Two commands may build at once ("up" beside "test"): one after the other.
    (
        flock 9
        build_autogen
        build_configure "$dir" "$flags"
        build_make "$dir" "$@"
    ) 9>"$dir/.lock"
}

build_autogen() {
    local source
    for source in "$ROOT"/{configure.ac,Makefile.am,etc/local.mk,nginx/local.mk,src/local.mk,src/*/local.mk,tests/*/local.mk}; do
        if [ ! -e "$ROOT/configure" ] || [ ! -e "$ROOT/Makefile.in" ] || [ "$source" -nt "$ROOT/Makefile.in" ]; then
            say "autogen ..."
            (cd "$ROOT" && ./autogen.sh) >"$dir/autogen.log" 2>&1 || build_failed "$dir/autogen.log"
            touch "$ROOT/configure" "$ROOT/Makefile.in"
            return
        fi
    done
}

build_configure() {
    local dir=$1 flags=$2 configure=$ROOT/configure
    if [ -e "$dir/Makefile" ] && [ ! "$ROOT/configure" -nt "$dir/config.status" ] &&
        [ "$(cat "$dir/.flags" 2>/dev/null)" = "$flags" ]; then
        return
    fi
    say "configure $flags ..."
    # A relative name, for configure refuses an absolute one with spaces.
    [ "$(dirname "$dir")" != "$ROOT" ] || configure=../configure
    # Flags are words to be split.
    # shellcheck disable=SC2086
    build_in "$dir" "$configure" $flags CFLAGS="${CFLAGS:--O2 -g}" >"$dir/configure.log" 2>&1 || build_failed "$dir/configure.log"
    printf '%s\n' "$flags" >"$dir/.flags"
}

build_make() {
    local dir=$1
    shift
    say "make ..."
    build_in "$dir" make -j"$(nproc)" "$@" >"$dir/make.log" 2>&1 || build_failed "$dir/make.log"
}

# Runs a command in a build folder. configure takes a space in the folder's name, for it is called by a relative name; other
# odd characters it refuses, so then it sees the checkout through a symbolic link.
build_in() {
    local dir=$1 link status=0
    shift
    if [[ $ROOT =~ ^[A-Za-z0-9_/.,+@%:\ -]+$ ]] || [[ $dir != "$ROOT"/* ]]; then
        (cd -- "$dir" && "$@")
        return
    fi
    link=$(mktemp -d)
    ln -s "$ROOT" "$link/todo"
    (cd "$link/todo/${dir#"$ROOT"/}" && "$@") || status=$?
    rm -r "$link"
    return "$status"
}

build_failed() {
    grep -nE '(error|warning)[: ]|\*\*\*|^configure:' "$1" | tail -20 >&2 || tail -20 "$1" >&2
    die "the build failed; all of it is in $1"
}
