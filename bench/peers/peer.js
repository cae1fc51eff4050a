// One process of a peer from npm: node peer.js PEER URL ROLE [ARGUMENT ...]
//
//   setup [calm]             makes its tables and queues; calm: for the beat
//   single CLIENTS SECONDS   enqueues one by one, so many at a time
//   bulk JOBS                enqueues by 1000, four calls under way
//   beat JOBS                enqueues one every 10 ms, with the time in its payload
//   drained                  waits until the queue is empty
//   worker                   runs handlers until SIGTERM
//
// Says what it found as JSON, one document a line; times are nanoseconds of the clock
// that all processes of the machine share. sidekiq.rb is the same in Ruby.
//
// A peer exports setup(url, isCalm); open(url, clients), which gives { add(payload),
// addMany(payloads), isEmpty(), close() }; and work(url, handle), which gives a function
// that stops it. handle(payload) is the job's own code, and returns the job's result.
"use strict";

const PAYLOAD = {
  repo: "acme/shop",
  issue: 1234567,
  title: "A title of an usual length for this",
  n: 123456,
};
const BATCH = 1000;
const BATCHES_UNDER_WAY = 4;
const BEAT_MS = 10;
const LOOK_MS = 20;

const [name, url, role, ...args] = process.argv.slice(2);
const peer = require(`./${name}.js`);

const clock = () => Number(process.hrtime.bigint());
const say = (what) => process.stdout.write(JSON.stringify(what) + "\n");
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// Calls `step` in so many loops until it gives false; the seconds that it took.
async function loops(count, step) {
  const began = clock();
  await Promise.all(Array.from({ length: count }, async () => {
    while (await step());
  }));
  return (clock() - began) / 1e9;
}

const roles = {
  async setup(calm) {
    await peer.setup(url, calm !== undefined);
  },

  async single(clients, seconds) {
    const client = await peer.open(url, Number(clients));
    await client.add(PAYLOAD); // connections and code are there
    const until = clock() + Number(seconds) * 1e9;
    let jobs = 0;
    const took = await loops(Number(clients), async () => {
      await client.add(PAYLOAD);
      jobs++;
      return clock() < until;
    });
    await client.close();
    say({ per_s: jobs / took });
  },

  async bulk(jobs) {
    const client = await peer.open(url, BATCHES_UNDER_WAY);
    const batch = Array(BATCH).fill(PAYLOAD);
    let left = Number(jobs) / BATCH;
    const took = await loops(BATCHES_UNDER_WAY, async () => {
      if (left-- <= 0) {
        return false;
      }
      await client.addMany(batch);
      return true;
    });
    await client.close();
    say({ per_s: Number(jobs) / took });
  },

  async beat(jobs) {
    const client = await peer.open(url, 8);
    const added = [];
    for (let i = 0; i < Number(jobs); i++) {
      added.push(client.add({ ...PAYLOAD, sent: clock() }));
      await sleep(BEAT_MS);
    }
    await Promise.all(added);
    await client.close();
  },

  async drained() {
    const client = await peer.open(url, 1);
    while (!(await client.isEmpty())) {
      await sleep(LOOK_MS);
    }
    say({ at: clock() });
    await client.close();
  },

  async worker() {
    const delays = [];
    let ran = 0;
    const stop = await peer.work(url, (payload) => {
      if (ran++ === 0) {
        say({ first: clock() });
      }
      if (payload.sent) {
        delays.push(clock() - payload.sent);
      }
      return { ok: true };
    });
    say({ ready: clock() });
    process.once("SIGTERM", async () => {
      await stop();
      say({ ran, delays });
      process.exit(0);
    });
  },
};

roles[role](...args).catch((error) => {
  console.error(error);
  process.exit(1);
});
