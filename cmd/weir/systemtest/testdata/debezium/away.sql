-- What happens while Connect is away; it comes out after Connect is back, after all that is sent twice.

-- step: changes while nobody reads
UPDATE contact SET score = 95 WHERE id = 1;
INSERT INTO lead (id, email, parent_contact_id) VALUES (6, 'ines@example.org', 4);
DELETE FROM contact WHERE id = 7;
--> enter nd-leaders contact/1, stay 3, by row of contact
--> enter open-leads lead/6, stay 1, by row of lead
--> enter nd-leads lead/6, stay 1, by row of lead
--> enter with-leads contact/4, stay 2, by row of lead
--> fire contact-deleted contact/7 by row of contact: - email_opt_in=false id=7 score=5 state=ND
