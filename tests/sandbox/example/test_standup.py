from __future__ import annotations

import pendulum

DAY = pendulum.datetime(2025, 1, 27, tz="UTC")


def test_the_team_gets_its_group(periskope_sandbox, run_dag):
    run = run_dag("dags/standup.py", logical_date=DAY)
    assert run.state == "success"
    [group] = periskope_sandbox.groups
    assert group.name == "Stand-up 2025-01-27"
    assert "919537851844@c.us" in group.members
    task = run.get_task_instance("create_group")
    assert task.xcom_pull(task_ids="create_group") == group.chat_id


def test_a_lost_response_makes_no_second_group(periskope_sandbox, run_dag):
    periskope_sandbox.fault("drop_after")
    assert run_dag("dags/standup.py", logical_date=DAY).state == "success"
    assert len(periskope_sandbox.groups_named("Stand-up 2025-01-27")) == 1
