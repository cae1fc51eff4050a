// undici, for bench/cases/http_client.lua: node undici.js URL REQUESTS CONCURRENCY
//
// As many loops as there are connections, each of which makes one request after the
// other and reads its body. Prints the seconds that it took.
const { Pool } = require("../spec/node_modules/undici");

const [url, requests, concurrency] = process.argv.slice(2);
const { origin, pathname } = new URL(url);
const pool = new Pool(origin, { connections: Number(concurrency) });

async function loop(count) {
  for (let i = 0; i < count; i++) {
    const { body } = await pool.request({ path: pathname, method: "GET" });
    await body.text();
  }
}

async function main() {
  const began = process.hrtime.bigint();
  const loops = Array.from({ length: Number(concurrency) }, () =>
    loop(Number(requests) / Number(concurrency)));
  await Promise.all(loops);
  console.log(Number(process.hrtime.bigint() - began) / 1e9);
  await pool.close();
}

main();
