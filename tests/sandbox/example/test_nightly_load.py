from __future__ import annotations

GROUP = "120363392071406466@g.us"


def test_a_failed_run_is_one_alert(periskope_sandbox, run_dag):
    periskope_sandbox.add_group("Data team", chat_id=GROUP)
    assert run_dag("dags/nightly_load.py").state == "failed"
    [alert] = periskope_sandbox.messages_in(GROUP)
    assert alert.text.startswith("🔴 *DAG failed: nightly_load*")


def test_a_lost_response_makes_no_second_alert(periskope_sandbox, run_dag):
    periskope_sandbox.add_group("Data team", chat_id=GROUP)
    periskope_sandbox.fault("drop_after", route="POST /message/send", times=None)
    run_dag("dags/nightly_load.py")
    assert len(periskope_sandbox.messages_in(GROUP)) == 1
