// Follows a person's updates with `graphql-sse`, breaking the stream once; prints them and how often it connected.
import { createClient } from 'graphql-sse';

const [url, token, userId, start, count] = process.argv.slice(2);
let connections = 0;

async function follow(client, userId, after, take) {
  const query = `subscription Follow($userId: String!, $after: String) {
    realtimeUpdates(userId: $userId, after: $after) {
      __typename
      ... on RealtimeUpdate { cursor version kind body }
      ... on ResyncRequired { cursor reason }
    }
  }`;
  for await (const { data, errors } of client.iterate({ query, variables: { userId, after } })) {
    if (errors) throw new Error(errors[0].message);
    after = data.realtimeUpdates.cursor;
    if (!take(data.realtimeUpdates)) break;
  }
  return after;
}

const told = [];
let after = start;
for (const wanted of [1, Number(count)]) {
  connections++;
  const client = createClient({ url, headers: { authorization: `Bearer ${token}` }, retryAttempts: 0 });
  after = await follow(client, userId, after, (update) => told.push(update) < wanted);
  client.dispose();
}
console.log(JSON.stringify({ told, connections }));
