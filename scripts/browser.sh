#!/bin/sh
# Makes what the browser tests and the pictures need, then runs what is given: a Chromium, selenium, Airflow 2.11.
set -eu
cd "$(dirname "$0")/.."

if ! { [ -x /usr/bin/chromium ] && [ -x /usr/bin/chromedriver ]; }; then
    if [ "$(id -u)" != 0 ]; then
        echo "These targets need Debian's Chromium: apt-get install chromium chromium-driver" >&2
        exit 1
    fi
    echo "Installing chromium and chromium-driver …"
    apt-get update -qq && apt-get install -qq --yes --no-install-recommends chromium chromium-driver >/dev/null
fi

.venv/bin/python -c 'import selenium' 2>/dev/null ||
    .venv/bin/python scripts/uv_like_pip.py pip install --quiet --python .venv/bin/python --constraint constraints.txt --group browser

oldest=.airflow/2.11.2
if [ "${1:-}" = tests ] && [ ! -f "$oldest/.complete" ]; then
    echo "Building an environment with Airflow 2.11.2, of the packages of its day …"
    mkdir -p .airflow
    .venv/bin/python scripts/uv_like_pip.py venv --quiet --clear --python 3.11 "$oldest"
    .venv/bin/python scripts/uv_like_pip.py pip install --quiet --python "$oldest/bin/python" --exclude-newer 2026-04-01 \
        "apache-airflow==2.11.2" --editable .
    touch "$oldest/.complete"
fi

case "${1:-}" in
tests) exec .venv/bin/python -m pytest tests/browser ;;
pictures) exec .venv/bin/python -m scripts.pictures ;;
esac
