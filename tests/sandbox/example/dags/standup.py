from __future__ import annotations

import pendulum
import requests
from airflow.providers.common.compat.sdk import DAG, BaseHook, task


@task
def create_group(name: str) -> str:
    periskope = BaseHook.get_connection("periskope_default")
    headers = {"Authorization": f"Bearer {periskope.password}", "x-phone": periskope.login}
    body = {"group_name": name, "participants": ["919537851844"]}
    answer = requests.post(f"{periskope.host}/chats/create", json=body, headers=headers, timeout=60)
    answer.raise_for_status()
    return answer.json()["chat_id"]


with DAG("standup", schedule="@daily", start_date=pendulum.datetime(2025, 1, 1, tz="UTC"), catchup=False):
    create_group("Stand-up {{ ds }}")
