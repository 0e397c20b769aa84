DROP FUNCTION past_of(text, uuid, integer);
DROP FUNCTION note_lists(text, jsonb);
DROP FUNCTION find_people(text, bytea[], uuid[]);
DROP FUNCTION standing_of(text, uuid[]);
DROP FUNCTION name_people(text, uuid[]);
