// A user agrees, does something, gets a list, and hears of what happens next; every type comes from the schema.
import { Client, fetchExchange } from '@urql/core';
import { print } from 'graphql';
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';
import { graphql } from './gql/index.js';
import type { FollowSubscription } from './gql/graphql.js';

const Agree = graphql(`
  mutation Agree($input: RecordConsentInput!) {
    recordConsent(input: $input) {
      __typename
      ... on PrivacySettings { personalizes }
      ... on Problem { code message }
    }
  }
`);
const Learn = graphql(`
  mutation Learn($input: LearnPreferencesInput!) {
    learnPreferences(input: $input) {
      __typename
      ... on EventsRecorded { accepted version }
      ... on Problem { code message }
    }
  }
`);
const Recommend = graphql(`
  query Recommend($userId: String!, $first: Int!) {
    recommendations(userId: $userId, first: $first, kind: TEMPLATE) {
      edges { node { itemId title reasons { code text } } }
      usedData { categories }
    }
  }
`);
const Follow = graphql(`
  subscription Follow($userId: String!, $after: String) {
    realtimeUpdates(userId: $userId, after: $after) {
      __typename
      ... on RealtimeUpdate { cursor version kind }
      ... on ResyncRequired { cursor reason }
    }
  }
`);

const [url = '', token = '', userId = ''] = process.argv.slice(2);
const authorization = `Bearer ${token}`;
const client = new Client({ url, exchanges: [fetchExchange], fetchOptions: { headers: { authorization } }, preferGetMethod: false });
const live = createClient({ url: url.replace(/^http/, 'ws'), webSocketImpl: WebSocket, connectionParams: { authorization } });

const agreed = await client.mutation(Agree, { input: { userId, granted: true, evidence: { policyVersion: '2026-01' } } });
if (agreed.data?.recordConsent.__typename !== 'PrivacySettings') throw new Error(String(agreed.error ?? JSON.stringify(agreed.data)));

const updates = live.iterate<FollowSubscription>({ query: print(Follow), variables: { userId, after: 'AAAAAAAAAAA' } });
const learned = await client.mutation(Learn, {
  input: { userId, actions: [{ type: 'template_used', itemId: 'modern_template' }] },
});
const page = await client.query(Recommend, { userId, first: 5 });
const titles = page.data?.recommendations?.edges.map((edge) => edge.node.title) ?? [];

const versions: number[] = [];
for await (const { data } of updates) {
  const update = data?.realtimeUpdates;
  if (update?.__typename === 'RealtimeUpdate') versions.push(update.version);
  if (versions.length === 2) break;
}
console.log(JSON.stringify({ learned: learned.data?.learnPreferences.__typename, titles, versions }));
await live.dispose();
