# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# What others' tools say of the API: schemathesis, httplint, redbot, openapi-spec-validator (PyPI) and Spectral (npm), at
# the versions of tests/judge/requirements.txt and tests/judge/package.json; h2spec (Go) judges the listener with TLS. The first run installs them into build/judge.

PACKAGES_JUDGE=(nodejs npm openssl python3-venv)
H2SPEC=github.com/summerwind/h2spec/cmd/h2spec@v2.2.1+incompatible

command_judge() {
    local tools=$ROOT/build/judge folder status=0
    test_clean_environment
    packages_install "${PACKAGES_BUILD[@]}" "${PACKAGES_RUN[@]}" "${PACKAGES_JUDGE[@]}"
    build_default
    judge_install "$tools"
    folder=$(mktemp -d "${TMPDIR:-/tmp}/todo-judge.XXXXXX")
    # nginx' workers may be www-data, and pass through here to their stack.
    chmod 0755 "$folder"
    E2E_BUILD_DIR=$BUILD_DIR PYTHONDONTWRITEBYTECODE=1 \
        "$tools/venv/bin/python" "$ROOT/tests/judge/judge.py" --tools "$tools" --folder "$folder" "$@" || status=$?
    if [ "$status" = 0 ]; then
        rm -rf "$folder"
    else
        printf 'The logs are in %s\n' "$folder" >&2
    fi
    return "$status"
}

# A file with the check sums of both lists says what is installed.
judge_install() {
    local tools=$1 here=$ROOT/tests/judge wanted
    wanted=$(cat "$here/requirements.txt" "$here/package.json" - <<<"$H2SPEC" | cksum)
    [ "$(cat "$tools/installed" 2>/dev/null)" != "$wanted" ] || return 0
    rm -rf "$tools"
    mkdir -p "$tools/npm"
    say "installing the judges into $tools ..."
    {
        python3 -m venv "$tools/venv" &&
            "$tools/venv/bin/pip" install --disable-pip-version-check -r "$here/requirements.txt" &&
            cp "$here/package.json" "$tools/npm/" &&
            (cd "$tools/npm" && npm install --ignore-scripts --no-audit --no-fund --no-package-lock)
    } >"$tools/install.log" 2>&1 || die "the judges could not be installed; $tools/install.log tells why"
    # Debian's own Go is too old for what h2spec needs; it is missed, but the other judges are not kept waiting for it.
    GOBIN=$tools/bin go install "$H2SPEC" >>"$tools/install.log" 2>&1 || say "h2spec needs Go 1.21 or newer; going on without it"
    printf '%s\n' "$wanted" >"$tools/installed"
}
