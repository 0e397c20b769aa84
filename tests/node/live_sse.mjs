// Follows a person's updates with `graphql-sse`, breaking the stream once; prints them and how often it connected.
import { createClient } from 'graphql-sse';

const [url, token, userId, start, count] = process.argv.slice(2);
let connections = 0;
let line;
const client = createClient({
  url,
  headers: { authorization: `Bearer ${token}` },
  retryAttempts: 0,
  fetchFn: (address, options) => {
    connections++;
    line = new AbortController();
    return fetch(address, { ...options, signal: AbortSignal.any([options.signal, line.signal]) });
  },
});

async function followEvents(client, userId, after, take) {
  const query = `subscription Follow($userId: String!, $after: String) {
    realtimeUpdates(userId: $userId, after: $after) {
      __typename
      ... on RealtimeUpdate { cursor version kind body }
      ... on ResyncRequired { cursor reason }
    }
  }`;
  for (let pause = 250; ; pause = Math.min(2 * pause, 8000)) {
    try {
      for await (const { data, errors } of client.iterate({ query, variables: { userId, after } })) {
        if (errors) throw Object.assign(new Error(errors[0].message), { final: true });
        after = data.realtimeUpdates.cursor;
        pause = 250;
        if (!take(data.realtimeUpdates)) return;
      }
    } catch (broken) {
      // The token is refused or has run out, or the person withdrew their consent.
      if (broken.final || [401, 403].includes(broken.response?.status)) throw broken;
    }
    await new Promise((go) => setTimeout(go, pause * (0.5 + Math.random())));
  }
}

const told = [];
await followEvents(client, userId, start, (update) => {
  told.push(update);
  if (told.length === 1) {
    line.abort();
    throw new Error('what the broken stream had brought already counts as lost');
  }
  return told.length < Number(count);
});
console.log(JSON.stringify({ told, connections }));
client.dispose();
