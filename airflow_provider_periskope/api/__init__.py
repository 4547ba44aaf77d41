"""HTTP, without Airflow: one session, what may be sent again, and what a response means. Internal."""
