// Follows a person's updates with `graphql-ws`, breaking the connection once; prints them and how often it connected.
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';

const [url, token, userId, start, count] = process.argv.slice(2);
let connections = 0;
const client = createClient({
  url,
  webSocketImpl: WebSocket,
  connectionParams: { authorization: `Bearer ${token}` },
  retryAttempts: 0,
  on: { connected: () => connections++ },
});

async function follow(client, userId, after, take) {
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
        if (errors) throw new Error(errors[0].message);
        after = data.realtimeUpdates.cursor;
        pause = 250;
        if (!take(data.realtimeUpdates)) return;
      }
    } catch (closed) {
      if (closed.code === 4403) throw closed; // the token has run out, or the person withdrew their consent
    }
    await new Promise((go) => setTimeout(go, pause * (0.5 + Math.random())));
  }
}

const told = [];
await follow(client, userId, start, (update) => {
  told.push(update);
  if (told.length === 1) client.terminate();
  return told.length < Number(count);
});
console.log(JSON.stringify({ told, connections }));
await client.dispose();
