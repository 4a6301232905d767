/** The embedded store's statements that are always the same. */

/** By what they do. */
export const STATEMENTS = {
  head: "SELECT record, seq FROM gateway_envelopes WHERE id = ?",
  setRecord: `INSERT INTO gateway_envelopes
      (id, record, seq, due, publish_after, state, tool, actor, parent, created, ended)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (id) DO UPDATE SET record = excluded.record, seq = excluded.seq,
      due = excluded.due, publish_after = excluded.publish_after, state = excluded.state,
      tool = excluded.tool, actor = excluded.actor, parent = excluded.parent,
      created = excluded.created, ended = excluded.ended`,
  bodies: "SELECT payload, result, failed_input FROM gateway_bodies WHERE id = ?",
  addBodies: "INSERT INTO gateway_bodies (id, payload, result, failed_input) VALUES (?, ?, ?, ?)",
  setResult: "UPDATE gateway_bodies SET result = ? WHERE id = ?",
  setFailedInput: "UPDATE gateway_bodies SET failed_input = ? WHERE id = ?",
  updates: `SELECT seq, kind, final, data, CASE WHEN final THEN
      (SELECT result FROM gateway_bodies AS b WHERE b.id = u.id) END AS result
    FROM gateway_updates AS u WHERE id = ? AND seq > ? ORDER BY seq LIMIT ?`,
  addUpdate: "INSERT INTO gateway_updates (id, seq, kind, final, data) VALUES (?, ?, ?, ?, ?)",
  moveUpdate: "UPDATE gateway_updates SET seq = ? WHERE id = ? AND seq = ?",
  unpublished: `SELECT id FROM gateway_envelopes WHERE publish_after <= ?
    ORDER BY publish_after LIMIT ?`,
  outbox: `SELECT count(*) AS count, min(created) AS oldest FROM
    (SELECT created FROM gateway_envelopes WHERE publish_after IS NOT NULL LIMIT ?)`,
  overdue: "SELECT id FROM gateway_envelopes WHERE due <= ? ORDER BY due LIMIT ?",
  key: "SELECT id, fingerprint FROM gateway_keys WHERE key = ? AND used >= ?",
  setKey: `INSERT INTO gateway_keys (key, fingerprint, id, used) VALUES (?, ?, ?, ?)
    ON CONFLICT (key) DO UPDATE SET fingerprint = excluded.fingerprint, id = excluded.id,
      used = excluded.used`,
  oldKeys: `DELETE FROM gateway_keys WHERE key IN
    (SELECT key FROM gateway_keys WHERE used < ? ORDER BY used LIMIT ?)`,
  ended: "SELECT id FROM gateway_envelopes WHERE ended < ? ORDER BY ended LIMIT ?",
  deleteUpdates: "DELETE FROM gateway_updates WHERE id = ?",
  deleteBodies: "DELETE FROM gateway_bodies WHERE id = ?",
  deleteEnvelope: "DELETE FROM gateway_envelopes WHERE id = ?",
} as const;
