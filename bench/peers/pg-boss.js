// pg-boss in batches of 1000, fetched one after the other while they come back full. NOTIFY
// wakes its workers where it is calm; elsewhere it would only slow what enqueues.
"use strict";

const { Pool } = require("pg");
const { PgBoss } = require("pg-boss");

const QUEUE = "noop";

function boss(url, more) {
  const made = new PgBoss(
    { connectionString: url, supervise: false, schedule: false, ...more });
  made.on("error", (error) => console.error(error));
  return made;
}

exports.setup = async (url, isCalm) => {
  const made = boss(url);
  await made.start();
  await made.createQueue(QUEUE, { notify: isCalm });
  await made.stop();
};

exports.open = async (url, clients) => {
  const made = boss(url, { max: clients, migrate: false });
  const pool = new Pool({ connectionString: url, max: 1 });
  await made.start();
  return {
    add: (payload) => made.send(QUEUE, payload),
    addMany: (payloads) => made.insert(QUEUE, payloads.map((data) => ({ data }))),
    isEmpty: async () => {
      const found = await pool.query(
        "select 1 from pgboss.job where name = $1 and state < 'completed' limit 1", [QUEUE]);
      return found.rowCount === 0;
    },
    close: async () => {
      await pool.end();
      await made.stop({ graceful: false });
    },
  };
};

exports.work = async (url, handle) => {
  const made = boss(url, { useListenNotify: true, migrate: false });
  await made.start();
  const settings = {
    batchSize: 1000,
    burstWhenBatchFull: true,
    pollingIntervalSeconds: 0.5,
    notifyPollingIntervalSeconds: 0.5,
  };
  await made.work(QUEUE, settings, async (jobs) => {
    for (const job of jobs) {
      handle(job.data);
    }
  });
  return () => made.stop({ graceful: true });
};
