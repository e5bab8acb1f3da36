-- What Connect sends twice, for it is killed before it has noted how far it had read. Each old image would change
-- something if it won.

-- step: up and down
UPDATE contact SET score = 10 WHERE id = 1;
UPDATE contact SET score = 99 WHERE id = 1;
UPDATE contact SET score = 20 WHERE id = 1;
--> leave nd-leaders contact/1, stay 1, by row of contact
--> enter nd-leaders contact/1, stay 2, by row of contact
--> leave nd-leaders contact/1, stay 2, by row of contact

-- step: there, gone and there again, and gone for good
INSERT INTO contact (id, state, score) VALUES (7, 'ND', 90);
DELETE FROM contact WHERE id = 7;
INSERT INTO contact (id, state, score) VALUES (7, 'ND', 5);
DELETE FROM contact WHERE id = 50;
--> fire new-contact contact/7 by row of contact: + email_opt_in=false id=7 score=90 state=ND
--> enter nd-leaders contact/7, stay 1, by row of contact
--> fire contact-deleted contact/7 by row of contact: - email_opt_in=false id=7 score=90 state=ND
--> leave nd-leaders contact/7, stay 1, by row of contact
--> fire new-contact contact/7 by row of contact: + email_opt_in=false id=7 score=5 state=ND
--> fire contact-deleted contact/50 by row of contact: - email_opt_in=false id=50 score=96 state=ND
--> leave nd-leaders contact/50, stay 2, by row of contact

-- step: to another account
UPDATE contact SET account_id = 3 WHERE id = 4;
--> leave manufacturers contact/4, stay 2, by row of contact
--> fire changed-account contact/4 by row of contact: account_id 1 -> 3

-- step: and back
UPDATE contact SET account_id = 1 WHERE id = 4;
--> enter manufacturers contact/4, stay 3, by row of contact
--> fire changed-account contact/4 by row of contact: account_id 3 -> 1

-- step: the account changes, and back
UPDATE account SET industry = 'Food' WHERE id = 1;
UPDATE account SET industry = 'Manufacturing' WHERE id = 1;
--> leave manufacturers contact/1, stay 2, by row of account
--> leave manufacturers contact/4, stay 3, by row of account
--> enter manufacturers contact/1, stay 3, by row of account
--> enter manufacturers contact/4, stay 4, by row of account

-- step: events that have fired
INSERT INTO support_case (id, contact_id, priority, title) VALUES (5, 4, 'high', 'still down');
--> fire urgent-case contact/4 by event case_opened: id=5 priority=high title=still down

-- step: leads that a truncation is about to take
INSERT INTO lead (id, email) VALUES (4, 'gert@example.org'), (5, 'hans@example.org');
--> enter open-leads lead/4, stay 1, by row of lead
--> enter open-leads lead/5, stay 1, by row of lead
--> enter strangers lead/4, stay 1, by row of lead
--> enter strangers lead/5, stay 1, by row of lead

-- step: the truncation
TRUNCATE lead;
--> leave open-leads lead/1, stay 2, by row of lead
--> leave open-leads lead/4, stay 1, by row of lead
--> leave open-leads lead/5, stay 1, by row of lead
--> leave strangers lead/1, stay 2, by row of lead
--> leave strangers lead/4, stay 1, by row of lead
--> leave strangers lead/5, stay 1, by row of lead

-- step: one of them is there again
INSERT INTO lead (id, email) VALUES (5, 'hans@example.org');
--> enter open-leads lead/5, stay 2, by row of lead
--> enter strangers lead/5, stay 2, by row of lead
