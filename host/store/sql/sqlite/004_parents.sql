-- The jobs that a job enqueued: people look at them, and there may be a million others.
create index candy_job_by_parent on candy_job (parent_id, id) where parent_id is not null;
