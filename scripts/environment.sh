#!/bin/sh
# Makes or refreshes .venv with everything that the targets of the Makefile need, and says in a line what went wrong.
# Needs Python 3.11 or newer and the package registry; nothing else, and no rights.
set -eu
cd "$(dirname "$0")/.."

stamp=.venv/.complete
wanted=$(cat pyproject.toml constraints.txt scripts/environment.sh scripts/uv_like_pip.py | cksum)
[ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ] && exit 0

fail() {
    printf 'Cannot build the environment: %s\n' "$1" >&2
    exit 1
}

new_enough='import sys; sys.exit(sys.version_info < (3, 11))'
python=
for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11 python}; do
    if "$candidate" -c "$new_enough" >/dev/null 2>&1; then
        python=$candidate
        break
    fi
done
[ -n "$python" ] || fail "no Python 3.11 or newer found ($(python3 --version 2>&1 || true)). Install one, or name it: make PYTHON=/path/to/python …"

log=.venv/install.log
echo "Building the environment in .venv with $("$python" --version) (once; about half a minute) …"
"$python" -m venv --clear .venv || fail "the venv module does not work (on Debian and Ubuntu: apt-get install python3-venv)."
{
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt uv &&
        .venv/bin/python scripts/uv_like_pip.py pip install --python .venv/bin/python --constraint constraints.txt \
            --editable '.[sandbox]' --group test --group bench --group lint --group release --group docs
} >"$log" 2>&1 &
install=$!
while kill -0 $install 2>/dev/null; do
    printf '.'
    sleep 2
done
echo
wait $install || fail "an install failed: $(grep -v '^ *$' "$log" | tail -n 1). The whole story is in $log."
printf '%s\n' "$wanted" >"$stamp"
