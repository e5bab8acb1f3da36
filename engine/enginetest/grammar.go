package enginetest

// Grammar says, for people, what a script is made of.
const Grammar = `A script is lines. Those that start with # are comments, indented ones belong to the line above.

  # What the script shows.
  use crm                      the file crm.yaml of the catalog's folder alone
  catalog                      YAML documents of a catalog of the script's own, indented
    kind: Segment
    ...
  set metrics 1h               metrics records for intervals of this length
  set record-bytes 200         longer records are refused
  at 2026-01-01T10:00:00Z      when what follows happens; never goes back; a date alone is its midnight (UTC)
  row contact {"id": "c-1"}    a row of a table in plain JSON (format: json); the same key again is an update
  cdc contact u 700 {...}      a Debezium message: create, update, read, delete or truncate, at the position 700
  delete contact c-1           a record without value: the row is gone
  event opened {...}           an event; the fields that its kind must match are filled in
  command add board c-1        a command: add or remove of a segment, erase of an audience
  record TOPIC KEY VALUE       any record; the key - is none, the value null is none
  again                        the last record once more, from the same place of the source
  clock 2026-02-01             everything due up to then happens
  expect                       all that came out since the last expect, in order
    enter nd c-1 until 2026-04-01T10:00:00Z cause event/opened
    leave nd c-2 at 2026-04-02 cause time
    fire won c-1 after {"status": "won"}
    metrics segment/nd size 1 entered 1
    deadletter "wrong type"
  expect nothing
  members nd c-1 c-2           who is a member now

use, catalog and set hold for the whole script. What neither uses nor brings a catalog is about that of its folder.
Fields of an expected line: at since until (an instant; until never: it has none) spell seq revision cause audience
before after event ce_id; of metrics also from to size entered left fired suppressed; of dead letters topic offset key
value. cause is a kind (row, event, time, segment, catalog, command, erasure), kind/name, or a JSON object of some of
its fields. What a line does not mention is not compared, but at, which is the instant of the last at or clock unless
given. What comes out and no expect asks for is a failure too.`
