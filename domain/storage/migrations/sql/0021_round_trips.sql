-- One call, one transaction, one round trip: each function names the people that it is about before it looks at them.
-- They run as whoever calls them, so that every policy holds, and each of their statements is planned by itself, so that
-- policies see who was named by the one before.

CREATE FUNCTION name_people(of_tenant text, people uuid[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('app.tenant', of_tenant, true), set_config('app.subjects', coalesce(people, '{}')::text, true);
END
$$;

-- One index scan per person on (subject_id, ...) answers with their latest word on each purpose.
CREATE FUNCTION standing_of(of_tenant text, people uuid[])
RETURNS TABLE (subject_id uuid, privacy_level text, collects boolean, trains boolean, gpc boolean, version bigint,
               unannounced bigint, granted text[], withdrawn text[], last_recorded_at timestamptz)
LANGUAGE sql STABLE AS $$
    SELECT s.subject_id, s.privacy_level, s.collects, s.trains, s.gpc, s.version, s.unannounced,
           said.granted, said.withdrawn, said.last_recorded_at
    FROM subjects s
    CROSS JOIN LATERAL (
        SELECT coalesce(array_agg(latest.purpose) FILTER (WHERE latest.granted), '{}') AS granted,
               coalesce(array_agg(latest.purpose) FILTER (WHERE NOT latest.granted), '{}') AS withdrawn,
               max(latest.recorded_at) AS last_recorded_at
        FROM (
            SELECT DISTINCT ON (c.purpose) c.purpose, c.granted, c.recorded_at
            FROM consents c
            WHERE c.subject_id = s.subject_id
            ORDER BY c.purpose, c.recorded_at DESC
        ) latest
    ) said
    WHERE s.tenant_id = of_tenant AND s.subject_id = ANY (people) AND s.erased_at IS NULL
$$;

-- People by identity hash, each with the hash that led to them, and those whose ids are known, with none.
CREATE FUNCTION find_people(of_tenant text, hashes bytea[], known uuid[])
RETURNS TABLE (identity_hash bytea, subject_id uuid, privacy_level text, collects boolean, trains boolean, gpc boolean,
               version bigint, unannounced bigint, granted text[], withdrawn text[], last_recorded_at timestamptz)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    found_hashes bytea[];
    found_people uuid[] := known;
BEGIN
    PERFORM name_people(of_tenant, known);
    IF cardinality(hashes) > 0 THEN
        SELECT array_agg(i.identity_hash), known || array_agg(i.subject_id) INTO found_hashes, found_people
        FROM subject_identities i WHERE i.tenant_id = of_tenant AND i.identity_hash = ANY (hashes);
        PERFORM name_people(of_tenant, found_people);
    END IF;
    RETURN QUERY
        SELECT led.identity_hash, s.*
        FROM standing_of(of_tenant, found_people) s
        JOIN (SELECT NULL::bytea AS identity_hash, k AS subject_id FROM unnest(known) AS k
              UNION ALL
              SELECT * FROM unnest(found_hashes, found_people[cardinality(known) + 1 :])) led USING (subject_id);
END
$$;

-- Keeps lists that were served, and says which it kept: those of people who agree to it at this moment and, where the
-- list rests on what a person was before, `seen`, who still are what they were.
CREATE FUNCTION note_lists(of_tenant text, lists jsonb) RETURNS SETOF uuid LANGUAGE plpgsql AS $$
DECLARE
    people uuid[] := ARRAY(SELECT DISTINCT (list ->> 'subject_id')::uuid FROM jsonb_array_elements(lists) AS list);
BEGIN
    PERFORM name_people(of_tenant, people);
    -- An exposure is no promise to anybody, so its commit does not wait for the disk.
    PERFORM set_config('synchronous_commit', 'off', true);
    -- In the order of people, as everybody locks them who locks several. The lock comes in a statement of its own: only
    -- the next one sees what its holder wrote before.
    PERFORM FROM subjects s WHERE s.tenant_id = of_tenant AND s.subject_id = ANY (people)
        ORDER BY s.subject_id FOR KEY SHARE;
    RETURN QUERY
        INSERT INTO recommendations
            (tenant_id, subject_id, recommendation_id, kind, surface, model_version, policy_version, item_ids, scores,
             propensities, served_at, device, purpose, local_hour, weekday)
        SELECT of_tenant, s.subject_id, list.recommendation_id, list.kind, list.surface, list.model_version,
               list.policy_version, list.item_ids, list.scores, list.propensities, list.served_at, list.device,
               list.purpose, list.local_hour, list.weekday
        FROM jsonb_to_recordset(lists) AS list
             (subject_id uuid, recommendation_id uuid, kind text, surface text, model_version text, policy_version text,
              item_ids text[], scores real[], propensities real[], served_at timestamptz, device text, purpose text,
              local_hour smallint, weekday smallint, seen jsonb)
        JOIN standing_of(of_tenant, people) s ON s.subject_id = list.subject_id
        LEFT JOIN LATERAL jsonb_to_record(list.seen) AS seen
             (privacy_level text, collects boolean, trains boolean, gpc boolean, version bigint, unannounced bigint,
              granted text[], withdrawn text[]) ON true
        WHERE s.collects AND (list.seen IS NULL OR (
            (s.privacy_level, s.collects, s.trains, s.gpc, s.version, s.unannounced)
            = (seen.privacy_level, seen.collects, seen.trains, seen.gpc, seen.version, seen.unannounced)
            AND s.granted @> seen.granted AND s.granted <@ seen.granted
            AND s.withdrawn @> seen.withdrawn AND s.withdrawn <@ seen.withdrawn))
        RETURNING recommendation_id;
END
$$;

-- What a person did with catalogue items, latest first. Beyond the latest rows only the items count, and what was said
-- of them: what has been seen or sent away stays away however much has happened since.
CREATE FUNCTION past_of(of_tenant text, person uuid, most integer)
RETURNS TABLE (item_id text, type text, occurred_at timestamptz, value real, recent boolean)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    PERFORM name_people(of_tenant, ARRAY[person]);
    RETURN QUERY
        WITH latest AS MATERIALIZED (
            SELECT item_id, type, occurred_at, value FROM user_behavior_events
            WHERE tenant_id = of_tenant AND subject_id = person AND item_id IS NOT NULL AND quarantined_at IS NULL
            ORDER BY occurred_at DESC, event_id
            LIMIT most)
        SELECT item_id, type, occurred_at, value, true AS recent FROM latest
        UNION ALL
        SELECT * FROM (
            SELECT item_id, type, max(occurred_at) AS occurred_at,
                (array_agg(value ORDER BY occurred_at DESC))[1] AS value, false AS recent
            FROM user_behavior_events
            WHERE (SELECT count(*) FROM latest) = most AND tenant_id = of_tenant AND subject_id = person
                AND item_id IS NOT NULL AND quarantined_at IS NULL
                AND occurred_at <= (SELECT min(occurred_at) FROM latest)
            GROUP BY item_id, type
            ORDER BY max(occurred_at) DESC, item_id) AS older;
END
$$;

REVOKE ALL ON FUNCTION name_people(text, uuid[]), standing_of(text, uuid[]), find_people(text, bytea[], uuid[]),
    note_lists(text, jsonb), past_of(text, uuid, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION name_people(text, uuid[]), standing_of(text, uuid[]), find_people(text, bytea[], uuid[]),
    note_lists(text, jsonb), past_of(text, uuid, integer) TO personalization_service, personalization_worker;
