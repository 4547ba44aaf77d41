#!/bin/sh
# Builds wheel and sdist, checks them, and tries the wheel in a bare environment, where only its dependencies are.
set -eu
cd "$(dirname "$0")/.."
python=$PWD/.venv/bin/python
uv=$PWD/scripts/uv_like_pip.py

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

# Runs a command quietly, and says in a line that its check passed, or all that it said.
check() {
    said=$1
    shift
    if "$@" >"$work/log" 2>&1; then
        echo "ok    $said"
    else
        echo "FAIL  $said" >&2
        tail -n 40 "$work/log" >&2
        exit 1
    fi
}

rm -rf dist
check "wheel and sdist are built" "$python" -m build --outdir dist .
wheel=$(ls dist/*.whl)
check "twine check --strict" "$python" -m twine check --strict dist/*

check "the wheel holds the package and nothing else" "$python" - "$wheel" <<'PYTHON'
import sys, zipfile

names = zipfile.ZipFile(sys.argv[1]).namelist()
tops = {name.partition("/")[0] for name in names}
assert len(tops) == 2, tops
assert "airflow" not in tops and "airflow_provider_periskope" in tops, tops
assert "airflow_provider_periskope/py.typed" in names
assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)
PYTHON

# As it will be once the address is known: with the [project.urls] that pyproject.toml has as a comment.
addressed=$work/addressed
mkdir -p "$addressed/scripts"
cp -R README.md LICENSE airflow_provider_periskope "$addressed"
cp scripts/description.py "$addressed/scripts"
sed -E '/^# \[project.urls\]$/,/^$/s/^# //' pyproject.toml >"$addressed/pyproject.toml"
check "with an address, a wheel is built" "$python" -m build --wheel --outdir "$work" "$addressed"
check "its description has absolute links alone" "$python" - "$work"/*.whl <<'PYTHON'
import re, sys, zipfile
from email import message_from_bytes

wheel = zipfile.ZipFile(sys.argv[1])
[name] = [name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")]
metadata = message_from_bytes(wheel.read(name))
assert metadata.get_all("Project-URL"), metadata.keys()
links = re.findall(r"\]\(([^)]+)\)|(?:src|href)=\"([^\"]+)\"", metadata.get_payload())
targets = [link or source for link, source in links]
assert len(targets) > 5, targets
assert all(target.startswith(("https://", "#")) for target in targets), targets
PYTHON

# From here on as a user has it: no checkout, no extra, no tools of ours; and an Airflow home of its own.
bare=$work/bare
export AIRFLOW_HOME="$work/home" AIRFLOW__CORE__LOAD_EXAMPLES=False
check "a bare environment is made" "$python" "$uv" venv --quiet --python "$python" "$bare"
check "the wheel installs" "$python" "$uv" pip install --quiet --python "$bare/bin/python" --constraint constraints.txt "$wheel"
constraints=$PWD/constraints.txt
dist=$PWD/dist
cd "$work"

check "airflow providers get shows it" sh -c "'$bare/bin/airflow' providers get airflow-provider-periskope | grep -q periskope"

check "its provider info is as Airflow's schema wants it" "$bare/bin/python" - <<'PYTHON'
import json
from importlib.resources import files
from importlib.metadata import entry_points

import jsonschema

(entry,) = [e for e in entry_points(group="apache_airflow_provider") if e.dist.name == "airflow-provider-periskope"]
schema = json.loads(files("airflow").joinpath("provider_info.schema.json").read_text())
jsonschema.validate(entry.load()(), schema)
PYTHON

check "hook and operator work without what only the sandbox needs" "$bare/bin/python" - <<'PYTHON'
import json, os, sys, threading
from http.server import BaseHTTPRequestHandler, HTTPServer

for name in ("fastapi", "uvicorn", "starlette"):
    sys.modules.setdefault(name, None)  # an import of it fails, though Airflow may have brought it
from airflow_provider_periskope.hooks.periskope import PeriskopeHook
from airflow_provider_periskope.operators.group import PeriskopeCreateGroupOperator

asked = []


class Api(BaseHTTPRequestHandler):
    def do_POST(self):
        asked.append((self.path, json.loads(self.rfile.read(int(self.headers["Content-Length"])))))
        body = b'{"chat_id": "120363392071406466@g.us"}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = HTTPServer(("127.0.0.1", 0), Api)
threading.Thread(target=server.serve_forever, daemon=True).start()
os.environ["AIRFLOW_CONN_PERISKOPE_DEFAULT"] = json.dumps(
    {"conn_type": "periskope", "login": "918527184400", "password": "k", "host": f"http://127.0.0.1:{server.server_port}"}
)
chat = PeriskopeHook().create_group("Test New 1040", ["919537851844"])
assert chat.chat_id == "120363392071406466@g.us"
assert asked == [("/v1/chats/create", {"group_name": "Test New 1040", "participants": ["919537851844"]})]
PeriskopeCreateGroupOperator(task_id="x", group_name="x", participants=["919537851844"])
server.shutdown()
PYTHON

check "the extra sandbox installs" "$python" "$uv" pip install --quiet --python "$bare/bin/python" --constraint "$constraints" \
    "airflow-provider-periskope[sandbox] @ file://$dist/$(basename "$wheel")"
check "periskope-sandbox starts" "$bare/bin/periskope-sandbox" --help

echo "OK    $(cd "$dist" && ls | tr '\n' ' ')"
