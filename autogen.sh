#!/bin/sh
# SPDX-License-Identifier: MIT
# Makes configure from configure.ac, for a checkout from git; a release tarball has it already.
set -e
cd "$(dirname "$0")"
exec autoreconf --install --warnings=all
