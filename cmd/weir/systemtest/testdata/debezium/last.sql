-- step: all goes on as before
UPDATE contact SET score = 0;
TRUNCATE lead;
--> leave nd-leaders contact/1, stay 3, by row of contact
--> leave nd-leaders contact/4, stay 2, by row of contact
--> leave open-leads lead/5, stay 2, by row of lead
--> leave open-leads lead/6, stay 1, by row of lead
--> leave strangers lead/5, stay 2, by row of lead
--> leave nd-leads lead/6, stay 1, by row of lead
--> leave with-leads contact/4, stay 2, by row of lead
--> leave gold contact/8, stay 1, by row of contact
