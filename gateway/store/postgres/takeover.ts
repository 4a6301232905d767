/**
 * The step that takes over what a gateway of Asya 0.1.x left in this database: its tables
 * `envelopes` and `envelope_updates` are copied into ours and stay as they are, so that one can go
 * back. Envelopes that are on their way go on: reports find them, and their time still ends.
 */

import { LAST } from "./last.ts";

/** Columns that 0.1.x has after the last of its three migrations. */
const MARKS = "'route_actors', 'timeout_sec', 'progress_percent', 'total_actors', 'parent_id'";

const ms = (column: string) => `floor(extract(epoch FROM ${column}) * 1000)::double precision`;
const rfc3339 = (column: string) =>
  `to_char(${column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;
/** As `toKey()` writes an id; NUL and halves of surrogate pairs cannot have been stored. */
const key = (column: string) => `replace(${column}, '\\', '\\u005c')`;

/** 0.1.x says `unknown` of what it cannot tell: that is open until it is reported or overdue. */
const OLD = `old AS (
    SELECT e.*, CASE status WHEN 'unknown' THEN 'running' ELSE status END AS state,
      status IN ('succeeded', 'failed') AS final,
      coalesce(current_actor_name, route_actors[coalesce(current_actor_idx, 0) + 1]) AS actor
    FROM envelopes AS e
  )`;

const COPY_ENVELOPES = `WITH ${OLD}, told AS (
    SELECT envelope_id, count(*)::integer AS lines FROM envelope_updates
    WHERE status NOT IN ('succeeded', 'failed') GROUP BY envelope_id
  )
  INSERT INTO gateway_envelopes (id, record, version, seq, due, ended, payload, result, state,
    actor, parent, created)
  SELECT ${key("id")}, json_strip_nulls(json_build_object(
      'id', id, 'parentId', parent_id, 'state', state, 'actors', to_json(route_actors),
      'current', route_current, 'timeoutSeconds', nullif(timeout_sec, 0),
      'deadline', ${ms("deadline")},
      'progressPercent', CASE WHEN final THEN 100 ELSE least(coalesce(progress_percent, 0), 99) END,
      'currentActorIdx', coalesce(current_actor_idx, 0), 'currentActorName', current_actor_name,
      'message', message, 'actorsCompleted', coalesce(actors_completed, 0),
      'totalActors', greatest(total_actors, cardinality(route_actors)), 'error', error,
      'createdAt', ${ms("created_at")}, 'updatedAt', ${ms("updated_at")}))::text,
    0, coalesce(lines, 0) + final::integer, CASE WHEN NOT final THEN ${ms("deadline")} END,
    CASE WHEN final THEN ${ms("updated_at")} END, coalesce(payload::text, 'null'), result::text,
    state, ${key("actor")}, ${key("parent_id")}, ${ms("created_at")}
  FROM old LEFT JOIN told ON envelope_id = id ON CONFLICT (id) DO NOTHING;`;

const COPY_UPDATES = `WITH ${OLD}
  INSERT INTO gateway_updates (id, seq, kind, final, data)
  SELECT ${key("envelope_id")},
    row_number() OVER (PARTITION BY envelope_id ORDER BY u.timestamp, u.id), 'update', false,
    json_strip_nulls(json_build_object('id', envelope_id, 'status', u.status,
      'message', u.message, 'progress_percent', u.progress_percent, 'actor', u.actor,
      'envelope_state', envelope_state, 'timestamp', ${rfc3339("u.timestamp")}))::text
  FROM envelope_updates AS u WHERE u.status NOT IN ('succeeded', 'failed')
  UNION ALL
  SELECT ${key("id")}, ${LAST}, 'update', true,
    json_strip_nulls(json_build_object('id', id, 'status', state,
      'message', coalesce(message, 'Envelope ' || state), 'error', error,
      'progress_percent', 100, 'actor', actor, 'timestamp', ${rfc3339("updated_at")}))::text
  FROM old WHERE final ON CONFLICT (id, seq) DO NOTHING;`;

/** For PL/pgSQL: does nothing where there are no such tables. */
export const TAKEOVER = `IF to_regclass('envelope_updates') IS NOT NULL AND
    (SELECT count(*) FROM pg_attribute WHERE attrelid = to_regclass('envelopes')
      AND attname IN (${MARKS})) = 5 THEN
    ${COPY_ENVELOPES}
    ${COPY_UPDATES}
  END IF;`;
