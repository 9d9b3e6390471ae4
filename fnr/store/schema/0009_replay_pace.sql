-- When a letter of a plan was put back last: whoever leads the plan next owes that to its rate.

ALTER TABLE replay_plan ADD COLUMN put_back_at_ms INTEGER;

UPDATE replay_plan
   SET put_back_at_ms = (SELECT max(at_ms) FROM replay_entry
                          WHERE plan = seq AND state IN ('live', 'done', 'dead', 'cancelled'))
 WHERE state NOT IN ('done', 'cancelled');
