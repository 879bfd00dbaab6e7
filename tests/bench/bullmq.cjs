// BullMQ measured as bench_jobs measures the others: node bullmq.cjs ADDRESS COUNT THREADS IDLE
const { Queue, Worker } = require("bullmq");
const [address, count, threads, idle] = [process.argv[2], ...process.argv.slice(3).map(Number)];
const { hostname: host, port, password } = new URL(address);
const connection = { host, port: Number(port), password, maxRetriesPerRequest: null };
const begun = new Map();
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const until = async (number) => {
  while (begun.size < number) await pause(0);
};

(async () => {
  const queue = new Queue("bench", { connection });
  await queue.addBulk(Array.from({ length: count }, (_, number) => ({ name: "nothing", data: { number } })));
  const started = performance.now();
  const worker = new Worker("bench", async (job) => void begun.set(job.data.number, performance.now()), {
    connection,
    concurrency: threads,
  });
  await until(count);
  const seconds = (Math.max(...begun.values()) - started) / 1000;
  const late = [];
  for (let number = count; number < count + idle; number++) {
    await pause(150);
    const sent = performance.now();
    await queue.add("nothing", { number });
    await until(number + 1);
    late.push(begun.get(number) - sent);
  }
  late.sort((a, b) => a - b);
  const share = (part) => late[Math.floor(late.length * part)];
  console.log(JSON.stringify({ jobs_per_second: count / seconds, idle_p50_ms: share(0.5), idle_p95_ms: share(0.95) }));
  await worker.close();
  await queue.close();
  process.exit(0);
})();
