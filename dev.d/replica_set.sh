# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# The server that plays a replica set to the end-to-end tests of following (tests/e2e/replica_set.py), from PyPI at the versions of
# tests/e2e/requirements.txt. The first run installs it into build/replica-set. Without it those tests are skipped.

replica_set_install() {
    local folder=$ROOT/build/replica-set list=$ROOT/tests/e2e/requirements.txt wanted
    wanted=$(cksum <"$list")
    [ "$(cat "$folder/installed" 2>/dev/null)" != "$wanted" ] || return 0
    rm -rf "$folder"
    mkdir -p "$folder"
    say "installing a server with change streams into $folder ..."
    {
        /usr/bin/python3 -m venv "$folder/venv" &&
            "$folder/venv/bin/pip" install --disable-pip-version-check --only-binary :all: -r "$list"
    } >"$folder/install.log" 2>&1 || {
        rm -rf "$folder/venv"
        say "it could not be installed; $folder/install.log tells why"
        return 0
    }
    printf '%s\n' "$wanted" >"$folder/installed"
}
