#!/bin/sh
# Prepare this checkout: a virtual environment in .venv with resonet installed (editable), and ngspice.
#   sh bootstrap.sh [EXTRA...] [ngspice]
# EXTRA is one of pyproject.toml's optional dependency groups. `make` calls this before its targets. It is quick, and
# stays off the network, when nothing changed: .venv/.ready-EXTRA records what each group was last installed from.
# It heeds PYTHON (the interpreter to use), RESONET_NGSPICE (the ngspice to use), RESONET_UNLOCKED and pip's own settings.
set -eu
cd "$(dirname "$0")"
root=$(pwd -P)
vpy=$root/.venv/bin/python

say() { printf 'resonet: %s\n' "$*" >&2; }
die() { say "$@"; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

want_ngspice='' extras=''
for arg in "$@"; do
    if [ "$arg" = ngspice ]; then want_ngspice=1; else extras="${extras:+$extras,}$arg"; fi
done
groups="base $(printf %s "$extras" | tr , ' ')"
# A moved or copied checkout gets another key, too: the environment holds absolute paths.
key=$({ printf '%s\n' "$root"; cat pyproject.toml bootstrap.sh requirements/*.txt; } | cksum)

ngspice_ready() { [ -z "$want_ngspice" ] || have "${RESONET_NGSPICE:-ngspice}"; }
venv_sound() { # made for this place, with a working pip, and the last installation was not cut off
    [ ! -e .venv/.installing ] &&
        grep -qF -e "=$root/.venv" -e "=\"$root/.venv" -e "='$root/.venv" .venv/bin/activate 2>/dev/null &&
        "$vpy" -I -c 'import sys, pip; sys.exit(sys.prefix == sys.base_prefix)' >/dev/null 2>&1
}
venv_ready() {
    for group in $groups; do
        [ "$(cat ".venv/.ready-$group" 2>/dev/null)" = "$key" ] || return 1
    done
    venv_sound
}

if ngspice_ready && venv_ready; then exit 0; fi
if [ -n "${RESONET_NGSPICE:-}" ] && ! ngspice_ready; then
    die "RESONET_NGSPICE is '$RESONET_NGSPICE', which cannot be run: correct it, or unset it to have ngspice installed"
fi

py=''
for candidate in "${PYTHON:-python3}" ${PYTHON:-python3.13 python3.12 python3.11}; do
    if "$candidate" -I -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
        py=$candidate
        break
    fi
done
[ -n "$py" ] || die "no Python >= 3.11 found (tried ${PYTHON:-python3}): install one, or set PYTHON to one"

# One set-up at a time: take a lock on this file (freed when this process ends), then go on as the same process.
if [ "${RESONET_BOOTSTRAP_PID:-}" != "$$" ]; then
    RESONET_BOOTSTRAP_PID=$$ exec "$py" -I -c '
import fcntl, os, sys
lock = os.open("bootstrap.sh", os.O_RDONLY)
os.set_inheritable(lock, True)
try:
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
except BlockingIOError:
    print("resonet: waiting for another set-up of this checkout", file=sys.stderr, flush=True)
    fcntl.flock(lock, fcntl.LOCK_EX)
os.execvp("sh", ["sh", "bootstrap.sh", *sys.argv[1:]])' "$@"
fi

log=$(mktemp)
trap 'rm -f "$log"' EXIT
trap 'exit 130' HUP INT TERM
quietly() { "$@" >>"$log" 2>&1 </dev/null; }
fail() { tail -n 20 "$log" >&2; die "$@"; }

# 1. System packages: ngspice, and on Debian and its kin the part of Python that makes virtual environments.
packages='' make_venv=1 manager=apt-get
if venv_sound; then make_venv=''; fi
if [ -n "$make_venv" ] && ! "$py" -I -c 'import ensurepip, venv' 2>/dev/null; then
    have apt-get || die "$py lacks ensurepip or venv, so it cannot make virtual environments: install them"
    packages=$("$py" -I -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
fi
if ! ngspice_ready; then
    if have apt-get; then packages="${packages:+$packages }ngspice libngspice0"
    elif have dnf; then manager=dnf packages='ngspice libngspice'
    elif have brew; then
        say 'installing ngspice (brew)'
        quietly brew install ngspice || fail "could not install ngspice: run 'brew install ngspice', then make again"
    elif [ "$(uname)" = Darwin ]; then die "ngspice is missing: run 'brew install ngspice' (https://brew.sh)"
    else die 'ngspice is missing: install it (https://ngspice.sourceforge.io), then make again'; fi
fi
as_root() {
    if [ "$(id -u)" = 0 ]; then quietly "$@"; else quietly sudo -n "$@"; fi
}
# shellcheck disable=SC2086 # the packages are words
install_packages() {
    if [ "$manager" = dnf ]; then as_root dnf install -y $packages; return; fi
    as_root env DEBIAN_FRONTEND=noninteractive ${http_proxy:+"http_proxy=$http_proxy"} \
        apt-get -o DPkg::Lock::Timeout=300 -o Acquire::Retries=2 install -y --no-install-recommends $packages
}
if [ -n "$packages" ]; then
    hint="run 'sudo $manager install -y $packages', then make again"
    as_root true || die "this machine lacks $packages: $hint"
    say "installing $packages ($manager)"
    if ! install_packages; then # for want of package lists, or of new ones
        if [ "$manager" = apt-get ]; then
            as_root env ${http_proxy:+"http_proxy=$http_proxy"} apt-get update || true
            if ! ngspice_ready && ! quietly apt-cache show ngspice && grep -qs '^ID=ubuntu' /etc/os-release; then
                hint="ngspice is in Ubuntu's universe: run 'sudo add-apt-repository -y universe', then make again"
            fi
        fi
        install_packages || fail "could not install $packages: $hint"
    fi
fi

# 2. The virtual environment, and resonet in it.
if venv_ready; then exit 0; fi
if [ -n "$make_venv" ]; then
    rm -rf .venv
    say "making .venv ($("$py" -V 2>&1))"
    quietly "$py" -m venv "$root/.venv" || fail "could not make .venv with $py"
fi
spec=".${extras:+[$extras]}"
say "installing resonet $spec into .venv (the first time takes a minute or more)"
touch .venv/.installing
pip_install() {
    quietly "$vpy" -m pip install --quiet --no-input --no-user --disable-pip-version-check --prefer-binary "$@"
}
# What the lock holds is installed as it was tested, each file checked against its hash; RESONET_UNLOCKED=1, an extra that
# the lock does not know, or a registry that lacks a version: the newest that pyproject.toml allows.
locked() {
    [ -z "${RESONET_UNLOCKED:-}" ] || return 1
    lock=base more=''
    for extra in $(printf %s "$extras" | tr , ' '); do
        case $extra in
        test | lint) lock=dev ;;
        va | browser | docs) more="$more -r requirements/$extra.txt" ;;
        *) return 1 ;;
        esac
    done
    # shellcheck disable=SC2086 # the files are words
    pip_install --require-hashes -r "requirements/$lock.txt" $more && pip_install --no-deps --no-build-isolation --editable .
}
if ! locked; then
    [ -n "${RESONET_UNLOCKED:-}" ] || say 'not by the lock (requirements/): taking the newest versions that pyproject.toml allows'
    if ! pip_install --editable "$spec"; then
        say 'that failed; trying once more, with the newest pip'
        pip_install --upgrade pip || true
        if ! pip_install --editable "$spec"; then
            rm -f .venv/.installing
            fail "could not install $spec into .venv: see the end of pip's log above, then make again"
        fi
    fi
fi
# What mypy reads: it does not follow an editable installation that maps folders to packages.
rm -rf .venv/typing
"$vpy" -I -c '
import os, tomllib
with open("pyproject.toml", "rb") as file:
    folders = tomllib.load(file)["tool"]["setuptools"]["package-dir"]
os.makedirs(".venv/typing/resonet")
os.symlink("../../../__init__.pyi", ".venv/typing/resonet/__init__.pyi")
for package, folder in sorted(folders.items()):
    if folder == ".":
        continue
    link = ".venv/typing/" + package.replace(".", "/")
    if not os.path.exists(link):  # else the link of its parent package shows it
        os.makedirs(os.path.dirname(link), exist_ok=True)
        os.symlink(os.path.relpath(folder, os.path.dirname(link)), link)'
case ",$extras," in *,test,*)
    # The second opinion on crossbars; of what it asks for, pycairo (for drawings) has no wheel and is not needed.
    pip_install --no-deps --require-hashes -r requirements/crossbar.txt ||
    say 'could not install badcrossbar, the second opinion on crossbars: the tests that ask it will be skipped' ;;
esac
rm -f .venv/.installing
for group in $groups; do printf '%s\n' "$key" >".venv/.ready-$group"; done
