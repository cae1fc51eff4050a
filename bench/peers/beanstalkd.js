// beanstalkd, spoken to over its own protocol: commands of a connection are sent without
// waiting for the answer of the one before. A worker reserves up to 100 jobs at a time on
// each of 4 connections and deletes them together.
"use strict";

const net = require("node:net");

const TTR_S = 120;
const RESERVES = 100;
const CONNECTIONS = 4;
const WITH_BODY = /^(?:RESERVED \d+|OK) (\d+)\r?$/;

// Answers come in the order of the commands; each is { line, body }.
class Connection {
  constructor(path) {
    this.socket = net.connect(path);
    this.socket.on("data", (data) => this.take(data));
    this.text = "";
    this.waiting = [];
    this.next = 0;
  }

  take(data) {
    let at = 0;
    this.text += data.toString("latin1");
    for (;;) {
      const end = this.text.indexOf("\r\n", at);
      if (end < 0) {
        break;
      }
      const line = this.text.slice(at, end);
      const length = WITH_BODY.exec(line)?.[1];
      const after = end + 2 + (length === undefined ? 0 : Number(length) + 2);
      if (after > this.text.length) {
        break;
      }
      this.answer({ line, body: length && this.text.slice(end + 2, after - 2) });
      at = after;
    }
    this.text = this.text.slice(at);
  }

  answer(what) {
    this.waiting[this.next++](what);
    if (this.next === this.waiting.length) {
      this.waiting = [];
      this.next = 0;
    }
  }

  // One write for all of them; the answers, in order.
  send(commands) {
    this.socket.write(commands.map((command) => command + "\r\n").join(""), "latin1");
    return commands.map(() => new Promise((resolve) => this.waiting.push(resolve)));
  }

  close() {
    this.socket.destroy();
  }
}

function put(payload) {
  const body = JSON.stringify(payload);
  return `put 0 0 ${TTR_S} ${body.length}\r\n${body}`;
}

exports.setup = async () => {};

exports.open = async (url, clients) => {
  const all = Array.from({ length: clients }, () => new Connection(url));
  let turn = 0;
  const one = () => all[turn++ % all.length];
  return {
    add: (payload) => one().send([put(payload)])[0],
    addMany: (payloads) => Promise.all(one().send(payloads.map(put))),
    isEmpty: async () => {
      const { body } = await one().send(["stats"])[0];
      return /current-jobs-ready: 0\n/.test(body) && /current-jobs-reserved: 0\n/.test(body);
    },
    close: async () => all.forEach((connection) => connection.close()),
  };
};

// Runs each job as it comes; the ids of those that came.
async function reserve(connection, count, handle) {
  const commands = Array(count).fill("reserve-with-timeout 0");
  commands[0] = "reserve";
  const ids = await Promise.all(connection.send(commands).map(async (answer) => {
    const { line, body } = await answer;
    return body === undefined ? null : (handle(JSON.parse(body)), line.split(" ")[1]);
  }));
  return ids.filter((id) => id !== null);
}

async function work(connection, handle) {
  let count = 1; // many at a time only while many are there
  for (;;) {
    const ids = await reserve(connection, count, handle);
    await Promise.all(connection.send(ids.map((id) => `delete ${id}`)));
    count = ids.length === count ? RESERVES : 1;
  }
}

exports.work = async (url, handle) => {
  const all = Array.from({ length: CONNECTIONS }, () => new Connection(url));
  all.forEach((connection) => work(connection, handle));
  return async () => all.forEach((connection) => connection.close());
};
