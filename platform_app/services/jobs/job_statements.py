"""Job statements: the SQL by which the next jobs are found, each step a seek in the index `ix_job_ready`.

SQLite and PostgreSQL recognize a partial index by its condition, so it is written in every statement.
"""

from sqlalchemy import bindparam, text

from platform_app.models.base import Instant

RUNNING = text("SELECT tenant_id, kind, priority, count(*) FROM job WHERE state = 'running' GROUP BY 1, 2, 3")

# The kinds that wait, one seek each.
KINDS = text("""
WITH RECURSIVE kinds(kind) AS (
  SELECT (SELECT min(kind) FROM job
    WHERE state = 'queued' AND NOT is_blocked AND priority = :priority)
  UNION ALL
  SELECT (SELECT min(kind) FROM job
    WHERE state = 'queued' AND NOT is_blocked AND priority = :priority AND kind > kinds.kind)
  FROM kinds WHERE kinds.kind IS NOT NULL
)
SELECT kind FROM kinds WHERE kind IS NOT NULL
""")

# The oldest due job of a kind of each of the next tenants, some seeks for each tenant.
HEADS = text("""
WITH RECURSIVE turns(tenant_id) AS (
  SELECT (SELECT min(tenant_id) FROM job
    WHERE state = 'queued' AND NOT is_blocked AND priority = :priority AND kind = :kind
    AND tenant_id > :after AND tenant_id <= :until)
  UNION ALL
  SELECT (SELECT min(tenant_id) FROM job
    WHERE state = 'queued' AND NOT is_blocked AND priority = :priority AND kind = :kind
    AND tenant_id > turns.tenant_id AND tenant_id <= :until)
  FROM turns WHERE turns.tenant_id IS NOT NULL
)
SELECT head.id, head.tenant_id, head.kind, head.lock_key, head.run_at
FROM turns CROSS JOIN job AS head WHERE head.id = (
  SELECT id FROM job
  WHERE state = 'queued' AND NOT is_blocked AND priority = :priority AND kind = :kind
  AND job.tenant_id = turns.tenant_id AND run_at <= :now ORDER BY run_at, id LIMIT 1
)
LIMIT :count
""")

# The oldest due jobs of a kind of one tenant.
JOBS = text("""
SELECT id, tenant_id, kind, lock_key, run_at FROM job
WHERE state = 'queued' AND NOT is_blocked AND priority = :priority AND kind = :kind
AND tenant_id = :tenant_id AND run_at <= :now ORDER BY run_at, id LIMIT :count
""")
HEADS, JOBS = (query.bindparams(bindparam("now", type_=Instant)) for query in (HEADS, JOBS))
# Until the end of the transaction.
LOCK = text("SELECT pg_advisory_xact_lock(:key)")
TURNS = text("SELECT priority, last_tenant_id, claimed FROM jobturn")
END_TURN = text("UPDATE jobturn SET last_tenant_id = :tenant_id, claimed = claimed + :count WHERE priority = :priority")
FIRST_TURN = text(
    "INSERT INTO jobturn (id, created_at, priority, last_tenant_id, claimed) "
    "VALUES (:id, :now, :priority, :tenant_id, :count)"
).bindparams(bindparam("now", type_=Instant))
