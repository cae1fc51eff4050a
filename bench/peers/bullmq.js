// BullMQ, 300 jobs at a time; finished jobs and their results are kept, as by default.
"use strict";

const { Redis } = require("ioredis");
const { Queue, Worker } = require("bullmq");

const QUEUE = "noop";
const CONCURRENCY = 300;

const connect = (path) => new Redis(path, { maxRetriesPerRequest: null });

exports.setup = async () => {};

exports.open = async (url) => {
  const connection = connect(url);
  const queue = new Queue(QUEUE, { connection });
  await queue.waitUntilReady();
  return {
    add: (payload) => queue.add("noop", payload),
    addMany: (payloads) => queue.addBulk(payloads.map((data) => ({ name: "noop", data }))),
    isEmpty: async () => {
      const counts = await queue.getJobCounts("wait", "active", "prioritized", "delayed");
      return Object.values(counts).every((count) => count === 0);
    },
    close: async () => {
      await queue.close();
      connection.disconnect();
    },
  };
};

exports.work = async (url, handle) => {
  const connection = connect(url);
  const worker = new Worker(QUEUE, async (job) => handle(job.data),
    { connection, concurrency: CONCURRENCY });
  await worker.waitUntilReady();
  return async () => {
    await worker.close();
    connection.disconnect();
  };
};
