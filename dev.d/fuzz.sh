# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# "fuzz MINUTES [NAME]": the fuzzers of tests/fuzz, one after another or one alone, MINUTES each. "test fuzz" is the short form.
# What one finds is in build-fuzz/found; inputs that reached new code are in build-fuzz/corpus, where the next run begins.

command_fuzz() {
    local minutes=${1-} name status=0 folder
    [[ $minutes =~ ^[1-9][0-9]*$ ]] || die "dev fuzz MINUTES [NAME]: how long each fuzzer runs"
    shift
    packages_install "${PACKAGES_BUILD[@]}" "${PACKAGES_TEST[@]}"
    if [ $# -eq 0 ]; then
        for folder in "$ROOT"/tests/fuzz/corpus/*/; do
            set -- "$@" "$(basename "$folder")"
        done
    fi
    build_fuzz
    for name in "$@"; do
        say "$name ..."
        "$ROOT/tests/fuzz/run.sh" "$ROOT/build-fuzz" "$name" $((minutes * 60)) "$ROOT/build-fuzz/corpus/$name" || status=1
    done
    return "$status"
}
