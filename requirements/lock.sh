#!/bin/sh
# Renew the lock: the newest versions that pyproject.toml allows, for every Python and platform, each file with its hash.
#   sh requirements/lock.sh UV
# base.txt: what resonet needs. dev.txt: that, tests and lint. va.txt: the second simulator. browser.txt: what drives one.
# docs.txt: what builds the site of the pages. crossbar.txt: the second opinion on crossbars, without what it only draws
# with. bootstrap.sh installs them.
set -eu
cd "$(dirname "$0")/.."
uv=$1
compile() { # OUTPUT [ARGUMENT ...]: reads more requirements from standard input
    output=requirements/$1
    shift
    "$uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
        --upgrade --output-file "$output" "$@" -
}
echo 'setuptools>=77' | compile dev.txt --extra test --extra lint pyproject.toml
echo 'setuptools>=77' | compile base.txt --constraints requirements/dev.txt pyproject.toml
sed -n 's/^va = \["\(.*\)"\]$/\1/p' pyproject.toml | compile va.txt
sed -n 's/^browser = \["\([^"]*\)"\].*$/\1/p' pyproject.toml | compile browser.txt --constraints requirements/dev.txt
sed -n 's/^docs = \[\(.*\)\]$/\1/p' pyproject.toml | tr -d '" ' | sed 's/,\([a-z]\)/\n\1/g' |
    compile docs.txt --constraints requirements/dev.txt
printf '%s\n' 'badcrossbar>=1.1' pathvalidate sigfig | compile crossbar.txt --no-deps
