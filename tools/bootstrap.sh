#!/bin/sh
# Makes the virtual environment, or names everything that is missing for it in one message.
#
# usage: tools/bootstrap.sh PYTHON VENV
#
# As root on Debian it installs python3-venv and python3-dev itself and says so.
# With CARDOS_BACKEND=pure neither a C compiler nor Python.h is needed.
set -eu
python=$1
venv=$2
pure=${CARDOS_BACKEND:-}

stop() {
    printf 'cardos cannot be set up here:\n%s\n' "$1" >&2
    exit 1
}

has_venv() { "$python" -c 'import ensurepip, venv' 2>/dev/null; }

has_header() {
    "$python" -c 'import os, sys, sysconfig as s; sys.exit(not os.path.exists(s.get_path("include") + "/Python.h"))'
}

has_compiler() {
    for compiler in "${CC:-cc}" gcc clang; do
        command -v "$compiler" >/dev/null && return
    done
    return 1
}

# Debian packages of what the interpreter lacks.
python_packages() {
    has_venv || echo python3-venv
    [ "$pure" = pure ] || has_header || echo python3-dev
}

# Whether the interpreter is Debian's own, which those packages complete, and may be completed.
may_install() {
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || return 1
    case $("$python" -c 'import os, sys; print(os.path.realpath(sys.executable))') in
        /usr/bin/*) return 0 ;;
        *) return 1 ;;
    esac
}

command -v "$python" >/dev/null ||
    stop "  $python is missing: Python 3.11 or later (Debian: apt-get install python3), or make PYTHON=..."
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    stop "  $python is $("$python" -V 2>&1): Python 3.11 or later is needed; make PYTHON=... names another"

packages=$(python_packages)
if [ -n "$packages" ] && may_install; then
    echo "installing with apt-get:" $packages
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages
fi

missing=
has_venv || missing="$missing
  the modules venv and ensurepip of $python (Debian: apt-get install python3-venv)"
if [ "$pure" != pure ]; then
    has_header || missing="$missing
  Python.h of $python (Debian: apt-get install python3-dev)"
    has_compiler || missing="$missing
  a C compiler, cc, gcc or clang (Debian: apt-get install gcc; or CARDOS_BACKEND=pure, slower and not constant-time)"
fi
[ -z "$missing" ] || stop "missing:$missing"

echo "making $venv"
"$python" -m venv "$venv"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
