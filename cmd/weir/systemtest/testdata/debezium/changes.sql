-- What happens in the CRM, and what weir says to it. A step ends when all of its lines have come out, in any order.

-- step: what was there, and what the tutorial has done; rows that the snapshot read are no new contacts
--> enter large-accounts account/1, stay 1, by row of account
--> enter large-accounts account/2, stay 1, by row of account
--> enter fabrikam-people contact/2, stay 1, by row of contact
--> enter manufacturers contact/2, stay 1, by row of contact|account
--> enter customers contact/1, stay 1, by row of contact
--> enter newsletter contact/1, stay 1, by row of contact
--> enter open-leads lead/1, stay 1, by row of lead
--> enter strangers lead/1, stay 1, by row of lead
--> fire became-customer contact/1 by segment customers
--> enter nd-leaders contact/1, stay 1, by row of contact
--> enter manufacturers contact/1, stay 1, by row of account
--> enter going-to-summit contact/3, stay 1, by row of registration
--> fire registered contact/3 by row of registration: + contact_id=3 event_name=Summit id=1

-- step: rows of four tables in one transaction
BEGIN;
INSERT INTO account VALUES (3, 'Northwind', 'Food', 999999.99);
INSERT INTO contact (id, email, state, score, email_opt_in, birthdate, customer_since, tags, account_id)
  VALUES (4, 'emil@northwind.example', 'ND', 80, true, '1970-01-02', '2024-03-01 02:00:00.5+02', '{newsletter,"a b"}', 2);
INSERT INTO lead (id, email, status, budget) VALUES (2, 'fred@example.org', 'contacted', 0.10);
INSERT INTO opportunity VALUES ('aaaaaaaa-0000-4000-8000-000000000001', 'Renewal', 4, 2, 'open', 50000.00, '2027-01-15');
COMMIT;
--> fire new-contact contact/4 by row of contact: + account_id=2 birthdate=1970-01-02 customer_since=2024-03-01T00:00:00.5Z email_opt_in=true id=4 score=80 state=ND tags=[newsletter a b]
--> enter nd-leaders contact/4, stay 1, by row of contact
--> enter newsletter contact/4, stay 1, by row of contact
--> enter customers contact/4, stay 1, by row of contact
--> fire became-customer contact/4 by segment customers
--> enter fabrikam-people contact/4, stay 1, by row of contact
--> enter manufacturers contact/4, stay 1, by row of contact
--> enter open-leads lead/2, stay 1, by row of lead
--> enter strangers lead/2, stay 1, by row of lead
--> enter big-deals opportunity/aaaaaaaa-0000-4000-8000-000000000001, stay 1, by row of opportunity

-- step: an update that changes nothing, work that is rolled back, wholly and to a savepoint
UPDATE contact SET score = score WHERE id = 4;
BEGIN;
INSERT INTO contact (id, state, score) VALUES (99, 'ND', 99);
ROLLBACK;
BEGIN;
SAVEPOINT s;
UPDATE contact SET score = 0 WHERE id = 4;
ROLLBACK TO s;
UPDATE contact SET state = NULL, tags = '{}' WHERE id = 4;
COMMIT;
--> leave nd-leaders contact/4, stay 1, by row of contact
--> leave newsletter contact/4, stay 1, by row of contact

-- step: foreign keys change; the message does not say what they were
UPDATE contact SET account_id = 1 WHERE id = 4;
UPDATE contact SET account_id = 2 WHERE id = 3;
--> leave fabrikam-people contact/4, stay 1, by row of contact
--> fire changed-account contact/4 by row of contact: account_id 2 -> 1
--> enter fabrikam-people contact/3, stay 1, by row of contact
--> enter manufacturers contact/3, stay 1, by row of contact

-- step: a lead gets a contact, who changes with it
UPDATE lead SET status = 'qualified', parent_contact_id = 4 WHERE id = 2;
--> leave open-leads lead/2, stay 1, by row of lead
--> leave strangers lead/2, stay 1, by row of lead
--> enter with-leads contact/4, stay 1, by row of lead
--> fire lead-qualified lead/2 by row of lead: parent_contact_id null -> 4, status contacted -> qualified

-- step: decimals around a threshold, then the deal is won
UPDATE opportunity SET estimated_revenue = 49999.99;
UPDATE opportunity SET estimated_revenue = 50000.01;
UPDATE opportunity SET status = 'won';
UPDATE account SET annual_revenue = 1000000 WHERE id = 3;
--> leave big-deals opportunity/aaaaaaaa-0000-4000-8000-000000000001, stay 1, by row of opportunity
--> enter big-deals opportunity/aaaaaaaa-0000-4000-8000-000000000001, stay 2, by row of opportunity
--> leave big-deals opportunity/aaaaaaaa-0000-4000-8000-000000000001, stay 2, by row of opportunity
--> fire deal-won opportunity/aaaaaaaa-0000-4000-8000-000000000001 by row of opportunity: status open -> won
--> fire contact-won contact/4 by row of opportunity: status open -> won
--> enter big-wins contact/4, stay 1, by row of opportunity
--> enter won-accounts contact/2, stay 1, by row of opportunity
--> enter won-accounts contact/3, stay 1, by row of opportunity
--> enter large-accounts account/3, stay 1, by row of account

-- step: an account changes: all of its contacts do
UPDATE account SET industry = 'Retail' WHERE id = 1;
UPDATE account SET industry = 'Manufacturing' WHERE id = 1;
--> leave manufacturers contact/1, stay 1, by row of account
--> leave manufacturers contact/4, stay 1, by row of account
--> enter manufacturers contact/1, stay 2, by row of account
--> enter manufacturers contact/4, stay 2, by row of account

-- step: the deal is another contact's and another account's; the message does not say whose it was
UPDATE opportunity SET contact_id = 1, account_id = 1;
--> leave big-wins contact/4, stay 1, by row of opportunity
--> enter big-wins contact/1, stay 1, by row of opportunity
--> leave won-accounts contact/2, stay 1, by row of opportunity
--> leave won-accounts contact/3, stay 1, by row of opportunity
--> enter won-accounts contact/1, stay 1, by row of opportunity
--> enter won-accounts contact/4, stay 1, by row of opportunity

-- step: a deal that comes and goes in one transaction, and one that is deleted
BEGIN;
INSERT INTO opportunity VALUES ('aaaaaaaa-0000-4000-8000-000000000002', 'Upgrade', 3, 2, 'open', 10);
INSERT INTO opportunity VALUES ('aaaaaaaa-0000-4000-8000-000000000003', 'Support', 3, 2, 'won', 60000);
DELETE FROM opportunity WHERE id = 'aaaaaaaa-0000-4000-8000-000000000003';
COMMIT;
DELETE FROM opportunity WHERE id = 'aaaaaaaa-0000-4000-8000-000000000002';
--> fire deal-won opportunity/aaaaaaaa-0000-4000-8000-000000000003 by row of opportunity: + account_id=2 contact_id=3 estimated_revenue=60000 id=aaaaaaaa-0000-4000-8000-000000000003 name=Support status=won
--> fire contact-won contact/3 by row of opportunity: + account_id=2 contact_id=3 estimated_revenue=60000 id=aaaaaaaa-0000-4000-8000-000000000003 name=Support status=won
--> enter big-wins contact/3, stay 1, by row of opportunity
--> leave big-wins contact/3, stay 1, by row of opportunity
--> enter won-accounts contact/2, stay 2, by row of opportunity
--> leave won-accounts contact/2, stay 2, by row of opportunity
--> enter won-accounts contact/3, stay 2, by row of opportunity
--> leave won-accounts contact/3, stay 2, by row of opportunity

-- step: a table that leads to others is emptied
TRUNCATE opportunity;
--> leave big-wins contact/1, stay 1, by row of opportunity
--> leave won-accounts contact/1, stay 1, by row of opportunity
--> leave won-accounts contact/4, stay 1, by row of opportunity

-- step: inserted rows as events; contact 3 has not opted in
INSERT INTO support_case (id, contact_id, priority, title) VALUES
  (1, 4, 'high', 'down'), (2, 4, 'normal', 'slow'), (3, 3, 'high', 'lost'), (4, 4, 'high', 'down again');
--> fire urgent-case contact/4 by event case_opened: id=1 priority=high title=down
--> fire urgent-case contact/4 by event case_opened: id=4 priority=high title=down again
--> enter unhappy contact/4, stay 1, by event case_opened

-- step: a registration of thirty days ago, less fifteen seconds
INSERT INTO event_registration VALUES
  (2, 4, 'Summit', clock_timestamp() - interval '720 hours' + interval '15 seconds');
--> enter going-to-summit contact/4, stay 1, by row of registration
--> fire registered contact/4 by row of registration: + contact_id=4 event_name=Summit id=2

-- step: no row changes, but time passes
--> leave going-to-summit contact/4, stay 1, by time

-- step: sessions, which lead to their contact by the registration; one is deleted, the other with the registration
INSERT INTO session_booking VALUES (1, 2, 'keynote'), (2, 1, 'panel');
DELETE FROM session_booking WHERE id = 1;
--> fire session-booked contact/4 by row of booking: + id=1 registration_id=2 session=keynote
--> fire session-booked contact/3 by row of booking: + id=2 registration_id=1 session=panel
--> fire session-booked contact/4 by row of booking: - id=1 registration_id=2 session=keynote

-- step: the registration is taken away
UPDATE event_registration SET contact_id = 1 WHERE id = 1;
--> leave going-to-summit contact/3, stay 1, by row of registration
--> enter going-to-summit contact/1, stay 1, by row of registration

-- step: the key of a row changes
INSERT INTO contact (id, state, score) VALUES (5, 'ND', 95);
UPDATE contact SET id = 50 WHERE id = 5;
--> fire new-contact contact/5 by row of contact: + email_opt_in=false id=5 score=95 state=ND
--> enter nd-leaders contact/5, stay 1, by row of contact
--> fire contact-deleted contact/5 by row of contact: - email_opt_in=false id=5 score=95 state=ND
--> leave nd-leaders contact/5, stay 1, by row of contact
--> fire new-contact contact/50 by row of contact: + email_opt_in=false id=50 score=95 state=ND
--> enter nd-leaders contact/50, stay 1, by row of contact

-- step: deleted, and there again
DELETE FROM contact WHERE id = 50;
INSERT INTO contact (id, state, score) VALUES (50, 'ND', 96);
--> fire contact-deleted contact/50 by row of contact: - email_opt_in=false id=50 score=95 state=ND
--> leave nd-leaders contact/50, stay 1, by row of contact
--> fire new-contact contact/50 by row of contact: + email_opt_in=false id=50 score=96 state=ND
--> enter nd-leaders contact/50, stay 2, by row of contact

-- step: inserted, updated and deleted in one transaction
BEGIN;
INSERT INTO contact (id, state) VALUES (6, 'ND');
UPDATE contact SET score = 100 WHERE id = 6;
DELETE FROM contact WHERE id = 6;
COMMIT;
--> fire new-contact contact/6 by row of contact: + email_opt_in=false id=6 score=0 state=ND
--> enter nd-leaders contact/6, stay 1, by row of contact
--> fire contact-deleted contact/6 by row of contact: - email_opt_in=false id=6 score=100 state=ND
--> leave nd-leaders contact/6, stay 1, by row of contact

-- step: a value too large for its page is not sent again when others change
UPDATE contact SET notes = 'call back ' || (SELECT string_agg(md5(i::text), '') FROM generate_series(1, 400) i)
  WHERE id = 4;
UPDATE contact SET state = 'ND' WHERE id = 4;
--> enter call-back contact/4, stay 1, by row of contact
--> enter nd-leaders contact/4, stay 2, by row of contact
--> enter nd-leads lead/2, stay 1, by row of contact

-- step: and ends when it is replaced
UPDATE contact SET notes = 'called' WHERE id = 4;
--> leave call-back contact/4, stay 1, by row of contact

-- step: a column comes
ALTER TABLE contact ADD COLUMN tier text DEFAULT 'basic';
UPDATE contact SET tier = 'gold' WHERE id = 1;
INSERT INTO contact (id, tier) VALUES (8, 'gold');
--> enter gold contact/1, stay 1, by row of contact
--> enter gold contact/8, stay 1, by row of contact
--> fire new-contact contact/8 by row of contact: + email_opt_in=false id=8 score=0 tier=gold

-- step: and goes again
ALTER TABLE contact DROP COLUMN tier;
UPDATE contact SET score = 86 WHERE id = 1;
--> leave gold contact/1, stay 1, by row of contact

-- step: so does one of the table that contacts lead to
ALTER TABLE account ADD COLUMN rating text DEFAULT 'C';
UPDATE account SET rating = 'A' WHERE id = 2;
--> enter top-rated contact/2, stay 1, by row of account
--> enter top-rated contact/3, stay 1, by row of account

-- step: and goes too
ALTER TABLE account DROP COLUMN rating;
UPDATE account SET annual_revenue = annual_revenue + 1 WHERE id = 2;
--> leave top-rated contact/2, stay 1, by row of account
--> leave top-rated contact/3, stay 1, by row of account

-- step: a table is emptied
TRUNCATE lead;
--> leave open-leads lead/1, stay 1, by row of lead
--> leave strangers lead/1, stay 1, by row of lead
--> leave nd-leads lead/2, stay 1, by row of lead
--> leave with-leads contact/4, stay 1, by row of lead

-- step: and filled again; a deletion takes rows of other tables along
INSERT INTO lead (id, email) VALUES (1, 'dora@example.org');
DELETE FROM contact WHERE id = 2;
--> enter open-leads lead/1, stay 2, by row of lead
--> enter strangers lead/1, stay 2, by row of lead
--> fire contact-deleted contact/2 by row of contact: - account_id=2 birthdate=1999-02-28 email_opt_in=true id=2 score=90 state=MN tags=[]
--> leave fabrikam-people contact/2, stay 1, by row of contact
--> leave manufacturers contact/2, stay 1, by row of contact
