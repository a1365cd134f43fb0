#!/bin/sh
# SPDX-License-Identifier: MIT
# Prints a C header with one row per script: its name, its SHA-1 (what EVALSHA wants) and its text (redis_script.h).
# usage: embed.sh MACRO FOLDER FILE.lua ... > FILE.h; MACRO is the list's name, the files are named from the folder on
set -e
macro=$1
folder=$2
shift 2
echo '/* Made by embed.sh from the .lua files; not to be edited. A row: name in C, SHA-1, text. */'
printf '#define %s(X) \\\n' "$macro"
for file in "$@"; do
    name=$(basename "$file" .lua | tr '[:lower:]' '[:upper:]')
    sha=$(sha1sum < "$folder/$file" | cut -d ' ' -f 1)
    printf '    X(%s, "%s", ' "$name" "$sha"
    sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/^/"/' -e 's/$/\\n"/' "$folder/$file" | tr '\n' ' '
    printf ') \\\n'
done
echo
