#!/bin/sh
# Installs what the browser tests and the pictures need, Chromium and selenium, then runs what is given.
set -eu
cd "$(dirname "$0")/.."

if ! { [ -x /usr/bin/chromium ] && [ -x /usr/bin/chromedriver ]; }; then
    .venv/bin/python -m tests.lab.debian chromium chromium-driver fonts-noto-color-emoji
fi

.venv/bin/python -c 'import selenium' 2>/dev/null ||
    .venv/bin/python scripts/uv_like_pip.py pip install --quiet --python .venv/bin/python --constraint constraints.txt --group browser

case "${1:-}" in
tests) exec .venv/bin/python -m pytest tests/browser ;;
pictures) exec .venv/bin/python -m scripts.pictures ;;
esac
