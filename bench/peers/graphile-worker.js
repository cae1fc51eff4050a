// graphile-worker with what its page on performance advises for many small jobs: a local
// queue of 500, and completions that go together.
"use strict";

const { Pool } = require("pg");
const { Logger, makeWorkerUtils, run } = require("graphile-worker");

const quiet = new Logger(() => () => {});

exports.setup = async (url) => {
  const utils = await makeWorkerUtils({ connectionString: url, logger: quiet });
  await utils.migrate();
  await utils.release();
};

exports.open = async (url, clients) => {
  const pool = new Pool({ connectionString: url, max: clients });
  const utils = await makeWorkerUtils({ pgPool: pool, logger: quiet });
  return {
    add: (payload) => utils.addJob("noop", payload),
    addMany: (payloads) =>
      utils.addJobs(payloads.map((payload) => ({ identifier: "noop", payload }))),
    isEmpty: async () => {
      const found = await pool.query("select 1 from graphile_worker._private_jobs limit 1");
      return found.rowCount === 0;
    },
    close: async () => {
      await utils.release();
      await pool.end();
    },
  };
};

exports.work = async (url, handle) => {
  const runner = await run({
    preset: {
      worker: {
        connectionString: url,
        concurrentJobs: 24,
        maxPoolSize: 26,
        localQueue: { size: 500 },
        completeJobBatchDelay: 0,
        failJobBatchDelay: 0,
        logger: quiet,
      },
    },
    noHandleSignals: true,
    taskList: { noop: async (payload) => void handle(payload) },
  });
  return () => runner.stop();
};
